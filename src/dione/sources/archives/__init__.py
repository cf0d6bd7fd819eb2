"""Archives that are asked: STAC catalogues and Sentinel Hub."""
