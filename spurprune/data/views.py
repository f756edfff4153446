"""Views: the ways in which a network is shown a sample."""

NATURAL, FEATURED = VIEWS = ("natural", "featured")  # as in the setting; with the overlay added
