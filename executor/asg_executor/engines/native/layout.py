"""Layout ops that copy, as native kernels."""

from collections.abc import Sequence
from math import prod

from asg_executor.engines.native.fused.body import Apply, Load, Store
from asg_executor.engines.native.fused.row_axes import row_axes
from asg_executor.engines.native.fused.spec import FusedSpec
from asg_executor.engines.native.kernel_table import Argument, NativeKernel, Operand, native_kernels, parts_for
from asg_executor.plan.layout import Layout, merge_axes
from asg_schema.ops.layout import Concat

__all__ = ["copy_kernel"]


@native_kernels.define(Concat)
def concat(op: Concat, operands: Sequence[Operand], results: Sequence[Operand], threads: int) -> Sequence[NativeKernel]:
    """Each operand is copied to its place in the result."""
    (result,) = results
    axis = op.axis % len(result.layout.shape)
    kernels: list[NativeKernel] = []
    begin = 0
    for place, operand in enumerate(operands):
        arguments = Argument(place), Argument(len(operands), begin * result.layout.strides[axis])
        target = Layout("", operand.layout.shape, result.layout.strides)
        kernels.append(copy_kernel(operand, target, arguments, threads))
        begin += operand.layout.shape[axis]
    return kernels


def copy_kernel(source: Operand, target: Layout, arguments: tuple[Argument, Argument], threads: int) -> NativeKernel:
    """The kernel that copies elements to where `target` has them.

    Args:
        source: what is copied.
        target: how the copy lies, in the shape of the source.
        arguments: where the elements at index 0 are and go.
        threads: into how many parts it is divided at most.
    """
    axes = merge_axes([source.layout, target])
    count = row_axes([size for size, _ in axes])
    units, row = axes[: len(axes) - count], axes[len(axes) - count :]
    strides = [(tuple(axis[1][which] for axis in units), tuple(axis[1][which] for axis in row)) for which in (0, 1)]
    load = Load(0, source.dtype, *strides[0])
    store = Store(1, 1, source.dtype, *strides[1])
    spec = FusedSpec(
        tuple(size for size, _ in units),
        tuple(size for size, _ in row),
        (load, Apply("stop_gradient", (), (0,), source.dtype)),
        (store,),
        (),
        2,
    )
    return NativeKernel(spec, arguments, parts_for(prod(source.layout.shape), spec.units, threads))
