"""Advice on a user's own data: evidence on what pruning does, a recommendation, lists of samples, a diagnosis, a page to look at."""
