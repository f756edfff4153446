"""Networks: one module each, with ``build(shape, num_classes, **options)``."""
