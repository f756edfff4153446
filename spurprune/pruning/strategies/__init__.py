"""Strategies: one module each, with ``FIELDS``, what follows it in a plan's name, and ``weigh(request) -> Weights``, a pure function.

``weigh`` raises PlanError where the samples lack what the strategy goes by.
"""
