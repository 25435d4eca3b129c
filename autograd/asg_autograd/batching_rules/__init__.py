"""The batching rules, by family. Importing this package fills the table."""

from importlib import import_module
from pkgutil import walk_packages

from asg_autograd.batching_rules.table import Batched, batching

__all__ = ["Batched", "batching"]

for _module in walk_packages(__path__, f"{__name__}."):
    import_module(_module.name)
