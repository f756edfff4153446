"""Stages: one module a rule, each with ``run(...)`` from plain paths and values to files."""
