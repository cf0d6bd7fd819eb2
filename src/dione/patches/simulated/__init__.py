"""Patches out of sharp imagery alone: scenes, their tones, and what Sentinel-2 would have seen of them."""
