"""Training methods: one module a method, each with a class ``Method`` that overrides as little of ERM as possible."""
