"""Kinds of tables: one module each, with its record ``KIND`` and a pure function ``report(sources, options) -> Report``."""
