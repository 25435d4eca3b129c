"""The tangent rules, by family. Importing this package fills the table."""

from importlib import import_module
from pkgutil import walk_packages

from asg_autograd.tangents.table import Perturbation, Tangents, tangents

__all__ = ["Perturbation", "Tangents", "tangents"]

for _module in walk_packages(__path__, f"{__name__}."):
    import_module(_module.name)
