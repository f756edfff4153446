"""Data: inputs, samples and their groups, subsets, tokens, and the readers of datasets and file formats."""
