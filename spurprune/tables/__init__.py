"""Tables for readers: one module for each kind, with its record and a pure ``report(sources, options)``."""
