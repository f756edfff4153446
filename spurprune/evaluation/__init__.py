"""Evaluation: metrics of one run, and statistics over repeats."""
