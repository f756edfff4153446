"""Training methods: one module each, with a class ``Method`` that overrides as little of ERM as possible."""
