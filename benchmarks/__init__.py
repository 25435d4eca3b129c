"""`make bench`: how long a training step takes, beside PyTorch and JAX in the same run."""
