"""Partitions: named divisions of the training samples, one module each.

A module has ``NEEDS``, the file that it reads in addition to the samples ("dynamics", or "samples" if none); ``OPTIONS``, the schemas of
its block's options, if any; ``REFERENCE``, the kind of the reference recipe that it reads, if not "erm"; and a pure function
``parts(request) -> (part, names)``: ``part`` int32 [N], positions in ``names``, which are the same for every repeat.
"""
