"""What the workflow consists of: studies, files and jobs, code hashes, plugins."""
