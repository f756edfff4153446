"""Strategies: one module each, with ``FIELDS``, the fields of its plans' names, and a pure function ``weigh(request) -> Weights``.

``weigh`` raises PlanError if the samples lack what the strategy needs. ``CANDIDATES``, in words, are the samples that a sparsity is a share
of, by default all.
"""
