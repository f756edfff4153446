"""Partitions: named divisions of the training samples, one module each.

A module has ``NEEDS``, the file that it reads in addition to the samples: "dynamics", of the recipe in its option ``reference``,
"embedding", of the run of the method in its option ``from`` on that in ``plan``, "analysis", that in its option ``analysis``, or "samples"
if none; ``REFERENCE``, the kind of that recipe, if not "erm"; ``ANALYSIS``, the kind of that analysis; ``OPTIONS``, the schemas of its
block's options, if any; and two pure functions. ``names(options, grouping)`` are the
names of all parts, empty ones included, the same for every repeat; ``parts(request) -> (part, names)`` also returns ``part``, int32 [N],
positions in them, and may return a third value, what it has to say of the repeat: a mapping of plain values by names that the module lists
in ``NOTES``.
"""
