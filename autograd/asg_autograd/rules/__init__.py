"""The gradient rules, by family. Importing this package fills the table."""

from importlib import import_module
from pkgutil import walk_packages

from asg_autograd.rules.table import Application, Cotangents, rules

__all__ = ["Application", "Cotangents", "rules"]

for _module in walk_packages(__path__, f"{__name__}."):
    import_module(_module.name)
