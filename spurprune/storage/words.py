"""The words that stand in the tables' columns and notes."""

SPLITS = ("train", "validation", "test")
VIEWS = ("natural", "featured")  # of a sample: as in the setting; with the overlay added
RULES = ("worst_group_accuracy", "worst_class_accuracy", "accuracy")  # metrics by which candidates and epochs are chosen; higher is better
REASONS = ("no candidate", "kept", "pruned", "reweighted")  # for a sample's weight in a plan
DIVISIONS = ("whole", "classes", "groups", "attribute", "inferred")  # of a split's samples, by which advice gathers evidence
BY_REPEAT = "by_repeat"  # among the notes of a partition or plan: what is noted of each repeat
