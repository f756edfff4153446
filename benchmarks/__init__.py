"""Measurements of speed and memory; see benchmarks/README.md. Nothing here is a test, and the package does not depend on it."""
