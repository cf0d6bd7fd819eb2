"""Build, look at and split datasets of training patches."""
