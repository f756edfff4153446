"""Simple cues: properties of samples that are cheap to measure, and whether classes differ and the network goes by them."""
