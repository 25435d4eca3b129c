"""ASG, the format: documents, their ops, types and identity."""
