"""Every door through which something from outside comes, and bad bytes for each: `python -m trials.doors.corpus`."""
