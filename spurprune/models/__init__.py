"""Networks: one module an architecture, each with ``build(input_shape, num_classes, **params) -> Network``."""
