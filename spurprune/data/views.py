"""Views: how a network is shown a sample."""

NATURAL, FEATURED = VIEWS = ("natural", "featured")  # as the setting has it; with the overlay laid over it
