"""Measurements of speed and memory; see benchmarks/README.md. Nothing here is a test, and nothing of the package depends on it."""
