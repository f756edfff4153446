"""Overlays (synthetic spurious features): one module each, with ``apply_(inputs, **options)``."""
