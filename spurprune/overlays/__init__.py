"""Synthetic spurious features: one module a feature, each with ``apply_(inputs, **params)``."""
