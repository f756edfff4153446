"""Tables for readers: one module a kind, each with a pure ``report(sources, options)``; files are written by ``_report``."""
