"""Pruning: the plan's name, and the strategies that turn difficulty or a partition into sample weights."""
