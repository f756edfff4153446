"""spurprune: find the few training samples that teach a spurious correlation, prune them, retrain, and show the effect."""

__version__ = "0.1.0"
