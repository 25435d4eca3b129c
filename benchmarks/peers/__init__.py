"""The same training steps written for PyTorch and JAX, as their users would."""
