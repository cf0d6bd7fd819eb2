"""What is tried on dione to see whether anything is lost, invented or let in; `benchmarks/soak.py` runs all of it."""
