"""Partitions: named divisions of the training samples, one module each.

A module has ``NEEDS``, the file that its parts come from besides the samples ("dynamics", or "samples" if none); ``OPTIONS``, the schemas
of its block's options, if it has any; and ``parts(request) -> (part, names)``, a pure function: ``part`` int32 [N], positions in
``names``, which are the same for every repeat.
"""
