"""The words that stand in the tables' columns."""

SPLITS = ("train", "validation", "test")
VIEWS = ("natural", "featured")  # of a sample: as in the setting; with the overlay added
REASONS = ("no candidate", "kept", "pruned", "reweighted")  # for a sample's weight in a plan
