"""Rasters that are larger than memory: their windows, and class maps beside them."""
