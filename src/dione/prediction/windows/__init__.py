"""One window of a scene: how large, where it runs, and what is worked out in it."""
