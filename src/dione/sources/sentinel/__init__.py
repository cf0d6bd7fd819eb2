"""Sentinel-2 as it is delivered: names and packing of `.SAFE` and Theia's products, what their numbers mean."""
