"""The same steps written for PyTorch and JAX, as their users would, and other peers."""
