"""The HTTP interface: one module for each resource, and what they share."""
