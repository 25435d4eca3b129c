"""Data directories as this version writes them, kept for later versions to open."""
