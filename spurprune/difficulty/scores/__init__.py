"""Difficulty scores: one module each, with a pure ``score(dynamics)``; larger is harder."""
