"""Refinements: one module each, with ``OPTIONS`` and a function ``refine``.

They refine a last layer (``spurprune.training.refinement``) or, where the module's ``OF`` is "network", a whole network
(``spurprune.training.network_refinement``).
"""
