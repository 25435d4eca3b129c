"""The native engine with every load and store of its kernels checked."""
