"""Difficulty: recorded training dynamics, the scores computed from them in ``scores``, and ranks."""
