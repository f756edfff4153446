"""Pruning: plans and their names, and the strategies that turn difficulty or a partition into sample weights."""
