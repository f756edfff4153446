"""Views: the ways in which a network is shown a sample."""

from spurprune.storage.words import VIEWS

NATURAL, FEATURED = VIEWS
