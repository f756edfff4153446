"""Evaluation: metrics of a run, statistics over repeats, selection of candidates, and published results."""
