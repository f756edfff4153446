"""Data: inputs, samples and their groups, subsets, tokens; releases and their formats."""
