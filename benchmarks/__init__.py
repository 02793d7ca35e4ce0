"""Benchmarks: one file a question, peers beside us in the same run. `make bench` runs them all."""
