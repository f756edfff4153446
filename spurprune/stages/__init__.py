"""Stages: one module per rule, each with ``run(...)`` from plain paths and values to files."""
