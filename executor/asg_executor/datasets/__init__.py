"""Data sets: tensors with a row for each example, on disk, read where they lie."""
