"""Analyses: what a look at kept networks finds, one module each.

A module has literals that are read without importing it: ``OPTIONS``, the schemas of its block's options, among them either ``reference``,
a recipe, or ``from`` and ``plan``, a run, whose networks it looks at; ``shadow`` if it compares these with those of another plan's run;
``partition`` if it reads one, whose kind is then in ``PARTITION``; ``COLUMNS``, the names and types of its table's columns, ``KEY``, those
that identify a row, the repeat first, and ``BOUNDS``; ``EVERY_REPEAT`` is False if a repeat may have no row; ``TAKES`` and ``NETWORKS`` if
it looks at some kinds of inputs or networks only. Its pure function ``analyse(request) -> (columns, notes)`` looks at one repeat: arrays by
column, without the repeat, and a mapping of plain values (``spurprune/training/analysis.py``).
"""
