"""Refinements: one module per kind, each with its ``OPTIONS`` and a function ``refine``; see ``spurprune.training.refinement``."""
