"""The primitive ops, by family."""
