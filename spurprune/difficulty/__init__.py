"""Difficulty scores: one module a score, each with a pure ``score(dynamics) -> ndarray``; larger is always harder."""
