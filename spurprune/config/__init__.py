"""The configuration: how it is loaded and checked, and which part of it each stage receives."""
