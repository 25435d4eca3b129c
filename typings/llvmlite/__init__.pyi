"""Types of what the native engine uses of llvmlite, which comes without."""

__version__: str
