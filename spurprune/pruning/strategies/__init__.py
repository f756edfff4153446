"""Strategies: one module each, with ``FIELDS``, the fields of its plans' names, and a pure function ``weigh(request) -> Weights``.

``weigh`` raises PlanError if the samples lack what the strategy needs. ``CANDIDATES``, in words, are the samples that a sparsity is a share
of, by default all; with ``MAY_FIND_NONE`` a repeat may have none, or too few. ``WEIGHTS`` are "kept" (0 or 1, the default), "copied"
(whole numbers, unless the plan's factor is none) or "drawn".
``PARTS`` is the number of parts that the partition must have, if it must. ``check(plan, setting)``, which a strategy may have, raises
PlanError if a setting's block shows already that the plan cannot be made.
"""
