"""Tables for readers: one module a kind."""
