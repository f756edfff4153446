"""Figures and tables: one module each, drawn from the metrics of their own runs only."""
