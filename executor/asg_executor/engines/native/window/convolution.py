"""`ConvolutionSpec`: the native kernel of `conv`."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TypeAlias

from llvmlite import ir

from asg_executor.engines.native.compilation import vector_unit
from asg_executor.engines.native.kernel_spec import define_kernel
from asg_executor.engines.native.kernel_table import Argument, NativeKernel, Operand, native_kernels, parts_for
from asg_executor.engines.native.matmul.code import INDEX, POINTER, Index
from asg_executor.engines.native.matmul.elements import Elements
from asg_executor.engines.native.window.code import WindowCode
from asg_executor.engines.native.window.geometry import Convolution, convolutions
from asg_executor.engines.native.window.over_kernel import OverKernel, define_over_kernel, over_kernel
from asg_executor.engines.native.window.over_places import OverPlaces, define_over_places, over_places
from asg_schema.dtype import DType
from asg_schema.ops.window import Conv

__all__ = ["ConvolutionSpec"]

_MOST_SCRATCH = 32 * 1024 * 1024  # bytes; only where there is much more padding than image


@dataclass(frozen=True)
class Zeros:
    """Places that meet no position of the kernel.

    Attributes:
        convolution: whose places they are.
    """

    convolution: Convolution

    @property
    def units(self) -> int:
        """One for each image of a group."""
        return self.convolution.groups * self.convolution.batch


Piece: TypeAlias = OverPlaces | OverKernel | Zeros


@dataclass(frozen=True)
class ConvolutionSpec:
    """A convolution; see `KernelSpec`. Its arguments are x, the weight and the result.

    Attributes:
        dtype: of the arrays; a floating-point one. Halves are computed with in single precision.
        lanes: how many elements a vector has.
        pieces: the convolutions that it consists of, one for each phase of the places.
    """

    dtype: DType
    lanes: int
    pieces: tuple[Piece, ...]

    def _units_of(self, piece: Piece) -> int:
        return piece.units(self.lanes) if isinstance(piece, OverKernel) else piece.units

    @property
    def units(self) -> int:
        """Those of all pieces."""
        return sum(map(self._units_of, self.pieces))

    @property
    def scratch_bytes(self) -> int:
        """What the piece needs that needs most."""
        elements = [0 if isinstance(piece, Zeros) else piece.scratch_elements(self.lanes) for piece in self.pieces]
        return max(elements) * Elements(self.dtype).wide.bytes

    def define(self, module: ir.Module) -> None:
        """See `KernelSpec`."""
        kernel = define_kernel(module)
        code = WindowCode(kernel, Elements(self.dtype), self.lanes)
        builder = code.builder
        arguments, begin, end, _, scratch = kernel.args
        pointers = [
            builder.load(builder.gep(arguments, [INDEX(number)], source_etype=POINTER), typ=POINTER)
            for number in range(3)
        ]
        before = 0
        for piece in self.pieces:
            function = self._define_piece(module, piece)
            count = self._units_of(piece)
            with code.loop(code.most(begin, before), code.least(end, before + count)) as unit:
                builder.call(function, [*pointers, code.value(code.subtract(unit, before)), scratch])
            before += count
        builder.ret_void()

    def _define_piece(self, module: ir.Module, piece: Piece) -> ir.Function:
        elements = Elements(self.dtype)
        match piece:
            case OverPlaces():
                return define_over_places(module, piece, elements, self.lanes)
            case OverKernel():
                return define_over_kernel(module, piece, elements, self.lanes)
            case Zeros():
                return _define_zeros(module, piece, elements)


def _define_zeros(module: ir.Module, piece: Zeros, elements: Elements) -> ir.Function:
    """Define `void (ptr x, ptr weight, ptr result, i64 unit, ptr scratch)`, which writes zeros."""
    type = ir.FunctionType(ir.VoidType(), [POINTER, POINTER, POINTER, INDEX, POINTER])
    function = ir.Function(module, type, module.get_unique_name("zeros"))
    function.linkage = "internal"
    code = WindowCode(function, elements, 1)
    convolution, result = piece.convolution, piece.convolution.result
    group, image = code.split(function.args[3], convolution.batch)
    begin = code.add(code.multiply(group, result.group), code.multiply(image, result.first))
    with code.loop(0, convolution.outputs) as output:
        line = code.add(code.add(begin, result.offset), code.multiply(output, result.second))
        _write_zeros(code, function.args[2], line, convolution, 0)
    code.builder.ret_void()
    return function


def _write_zeros(code: WindowCode, array: ir.Value, offset: Index, convolution: Convolution, axis: int) -> None:
    """Zeros at all places along the axes from this one on."""
    if axis == len(convolution.axes):
        code.store(ir.Constant(code.elements.wide.type, 0.0), code.at(array, offset))
        return
    with code.loop(0, convolution.axes[axis].places) as place:
        further = code.add(offset, code.multiply(place, convolution.result.spatial[axis]))
        _write_zeros(code, array, further, convolution, axis + 1)


@native_kernels.define(Conv)
def conv(op: Conv, operands: Sequence[Operand], results: Sequence[Operand], threads: int) -> Sequence[NativeKernel]:
    """Convolution of floating-point numbers."""
    x, weight = operands
    (result,) = results
    if not x.dtype.is_floating:
        return ()
    unit = vector_unit()
    lanes = unit.bytes // Elements(x.dtype).wide.bytes
    work = prod(result.layout.shape) * prod(weight.layout.shape[1:]) // 4
    parts = parts_for(work, work, threads)
    pieces: list[Piece] = []
    for convolution in convolutions(op, x.layout, weight.layout, result.layout):
        if convolution.kernel == 0:
            pieces.append(Zeros(convolution))
        elif convolution.kernel >= convolution.places:
            pieces.append(over_kernel(convolution, parts, unit, lanes))
        else:
            pieces.append(over_places(convolution, parts, unit, lanes))
    spec = ConvolutionSpec(x.dtype, lanes, tuple(pieces))
    if spec.scratch_bytes > _MOST_SCRATCH:
        return ()
    return (NativeKernel(spec, (Argument(0), Argument(1), Argument(2)), min(parts, spec.units)),)
