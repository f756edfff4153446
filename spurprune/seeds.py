"""Named random streams: everything random in the workflow draws from one of these.

A stream is identified by its name and its repeat, never by the setting, the block or the position in a loop. So a repeat gives the same
bytes in any block, changing one stream leaves the others alone, and runs of one repeat share their initialisation and data order across
plans, which reduces the variance of the paired differences between plans.
"""

import hashlib

import numpy as np

SPLIT = "split"  # the fixed division of a dataset that has no official one
SUBSET = "subset"  # which training samples a setting takes for a part
CARRIERS = "carriers"  # which samples get the spurious feature
TIES = "ties"  # the order of samples of equal difficulty
PRUNING = "pruning"  # random pruning
DIFFICULTY = "difficulty"  # the random control score
INITIALISATION = "initialisation"  # a network's initial weights
ORDER = "order"  # the order of samples in an epoch
AUGMENTATION = "augmentation"  # crops and flips
OBSERVATION = "observation"  # crops and flips of samples that are evaluated, not trained on
DROPOUT = "dropout"  # stochastic layers
TWINS = "twins"  # which of two twins learns from a sample
FLIPS = "flips"  # which labels change while twins are trained
EXPANSION = "expansion"  # which samples a method starts from, and which it adds later
CLUSTERING = "clustering"  # where k-means starts, and which samples its silhouettes are of
QUARTERS = "quarters"  # what a target network and a shadow are trained on and tested on
ANALYSIS = "analysis"  # which samples an analysis looks at, what it removes from them, the folds of its attackers
TRANSPLANTS = "transplants"  # which samples give regions of theirs, and which receive them
REFINEMENT = "refinement"  # which samples a refinement draws, and in which order its solver visits them


def stream_seed(stream: str, *parts: int | str) -> int:
    """Return a seed in [0, 2**63) for one stream, e.g. ``stream_seed(ORDER, repeat, epoch)``; equal arguments, equal seed."""
    text = "/".join([stream, *(str(part) for part in parts)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def generator(stream: str, *parts: int | str) -> np.random.Generator:
    """Return a NumPy generator seeded for one stream."""
    return np.random.default_rng(stream_seed(stream, *parts))
