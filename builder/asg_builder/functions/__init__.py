"""One function for each op of the format, by family, and functions that are made of several ops."""
