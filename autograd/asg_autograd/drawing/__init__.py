"""Drawings of documents: which part a value belongs to, boxes for scopes, a layout, and how it is written."""
