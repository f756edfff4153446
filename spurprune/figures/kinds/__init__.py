"""Kinds of figures: one module each, with its record ``KIND`` and a function ``make(material, spec) -> Drawing``."""
