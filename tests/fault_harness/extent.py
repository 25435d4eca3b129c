"""How long the long versions of the tests are, which `make faults` runs."""

import os

__all__ = ["ROUNDS"]

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "200"))
"""How often a server is killed; other tests take their extent from it."""
