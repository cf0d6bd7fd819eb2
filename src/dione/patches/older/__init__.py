"""Samples and normalisation of the older pipeline, brought in and out."""
