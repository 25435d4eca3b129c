"""`NATIVE_KERNELS`: the table of native kernels, with every family's entered."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module

from asg_executor.engines.native.kernel_table import NativeKernel, native_kernels
from asg_schema.op import Op

__all__ = ["NATIVE_KERNELS"]

_FAMILIES = (
    "contraction",
    "dynamic_blocks",
    "indexing",
    "layout",
    "padding",
    "random",
    "running_totals",
    "searching",
    "sorting",
    "window.convolution",
    "window.pooling",
)

for _family in _FAMILIES:
    import_module(f"asg_executor.engines.native.{_family}")

NATIVE_KERNELS: Mapping[type[Op], Callable[..., Sequence[NativeKernel]]] = native_kernels
"""What makes the native kernels of an instruction, for every op that may have some."""
