"""Scores as pages, charts, pictures and lines to read."""
