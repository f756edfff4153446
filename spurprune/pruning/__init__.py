"""Pruning: the plan's name, and the strategies that turn difficulty into sample weights."""
