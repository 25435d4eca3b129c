"""What the executor's tests share."""
