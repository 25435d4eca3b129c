"""`CheckedSpec`: a kernel with a check before each of its accesses."""

from dataclasses import dataclass

from llvmlite import ir

from asg_executor.engines.native.bounds.instrumentation import Instrumented, instrument
from asg_executor.engines.native.kernel_spec import KernelSpec

__all__ = ["CheckedSpec"]


@dataclass(frozen=True)
class CheckedSpec:
    """See `KernelSpec`. Behind the kernel's own arguments stands the address of a `BoundsTable`.

    Attributes:
        spec: the kernel.
        arguments: how many arguments of its own it has.
        scratch_bytes: how much scratch memory each part has: what the kernel says, as its checks know it.
        module: where its kind is defined: two kinds may have one name.
    """

    spec: KernelSpec
    arguments: int
    scratch_bytes: int
    module: str

    @classmethod
    def of(cls, spec: KernelSpec, arguments: int) -> "CheckedSpec":
        """A kernel with checks.

        Args:
            spec: the kernel.
            arguments: how many arguments it has.
        """
        return cls(spec, arguments, spec.scratch_bytes, type(spec).__module__)

    @property
    def units(self) -> int:
        """See `KernelSpec`."""
        return self.spec.units

    def define(self, module: ir.Module) -> None:
        """See `KernelSpec`."""
        self.spec.define(module)
        instrument(module, self.arguments, self.scratch_bytes)

    def instrumented(self) -> Instrumented:
        """What the numbers mean that its checks write down."""
        module = ir.Module()
        self.spec.define(module)
        return instrument(module, self.arguments, self.scratch_bytes)
