"""Attacks on the project: inputs that a user could give by mistake or on purpose, and what becomes of them."""
