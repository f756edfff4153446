"""Networks: their interface, pretrained weights, and the architectures in ``networks``."""
