"""What the workflow consists of: studies, costs, code hashes, plugins."""
