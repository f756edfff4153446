"""File formats of releases, and how their files become arrays."""
