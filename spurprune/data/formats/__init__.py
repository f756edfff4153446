"""File formats of dataset releases, and how their files become arrays."""
