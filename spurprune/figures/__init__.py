"""Figures: what the kinds of figures in ``kinds`` share, and the record of a kind of figure or table."""
