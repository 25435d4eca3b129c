"""`KERNELS`: the complete table, with every family's kernels entered."""

from collections.abc import Callable, Mapping
from importlib import import_module

from asg_executor.kernels.kernel import Step, kernels
from asg_schema.op import Op

__all__ = ["KERNELS"]

_FAMILIES = (
    "comparison",
    "contraction",
    "control",
    "creation",
    "elementwise",
    "indexing",
    "indexing_nd",
    "layout",
    "linalg",
    "random",
    "reduction",
    "reduction_ordering",
    "special",
    "window",
    "window_convolution",
)

for _family in _FAMILIES:
    import_module(f"asg_executor.kernels.{_family}")

KERNELS: Mapping[type[Op], Callable[..., Step]] = kernels
"""The kernel of every op that has one."""
