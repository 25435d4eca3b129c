"""The gradient rules, by family. Importing this package fills the table."""

from importlib import import_module
from pkgutil import iter_modules

from asg_autograd.rules.table import Application, Cotangents, rules

__all__ = ["Application", "Cotangents", "rules"]

for _module in iter_modules(__path__, f"{__name__}."):
    import_module(_module.name)
