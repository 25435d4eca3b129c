"""`FusedSpec`: a fused kernel as a `KernelSpec`."""

from dataclasses import dataclass

from llvmlite import ir

from asg_executor.engines.native.fused.body import Body
from asg_executor.engines.native.fused.loops import define_loops
from asg_executor.engines.native.fused.passes import Passes

__all__ = ["FusedSpec"]


@dataclass(frozen=True)
class FusedSpec(Body):
    """See `Body` and `asg_executor.engines.native.kernel_spec.KernelSpec`."""

    @property
    def scratch_bytes(self) -> int:
        """The memory for the rows that are kept between two passes."""
        return Passes(self).scratch_bytes

    def define(self, module: ir.Module) -> None:
        """See `KernelSpec`."""
        define_loops(self, module)
