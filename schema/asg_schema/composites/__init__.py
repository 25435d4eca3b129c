"""The composite ops, by family: each has an expansion into primitives."""
