"""Sentinel-2 time series, four times sharper, with a map of how far to trust each pixel."""
