"""Tests, measurements and training runs for a machine with a GPU, as one command that needs no workflow engine and no network."""
