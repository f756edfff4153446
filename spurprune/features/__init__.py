"""Synthetic spurious features: one module a feature, each with ``apply_(images, **params)``."""
