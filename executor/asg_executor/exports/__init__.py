"""Checkpoints outside of the data directory: written to URLs and read from there."""
