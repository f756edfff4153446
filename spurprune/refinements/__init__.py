"""Refinements: one module each, with ``OPTIONS`` and a function ``refine``; see ``spurprune.training.refinement``."""
