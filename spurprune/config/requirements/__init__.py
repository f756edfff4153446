"""What kinds of methods require of the configuration: a module each, with the name of the method's, which imports torch.

A kind that requires nothing has no module. ``WEIGHTS`` are what its plans may do to samples (``pruning.plan.weights_of``), ``PLANS`` says
so in words. ``PARTITIONS`` are the kinds of partitions that its option ``partition`` may name, empty for any. ``check(where, options,
training)`` raises ConfigError that begins with ``where`` if the options do not fit the recipe, of which any key may be missing.
"""
