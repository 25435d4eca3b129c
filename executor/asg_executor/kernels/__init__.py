"""The NumPy kernels, by family of ops."""
