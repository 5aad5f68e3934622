"""Helpers around training that are not mathematics; so far, the data sets in ``utils.data``."""
