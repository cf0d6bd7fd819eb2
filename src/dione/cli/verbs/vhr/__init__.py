"""Look through deliveries of very-high-resolution imagery, the sharp references for training."""
