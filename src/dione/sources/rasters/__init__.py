"""Rasters as files: headers, names, windows of numbers, checksums, how one lattice lies under another."""
