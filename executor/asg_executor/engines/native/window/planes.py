"""Padded copies of images, in which what a window meets lies at distances that do not depend on where it stands."""

from dataclasses import dataclass
from itertools import product
from math import prod

from llvmlite import ir

from asg_executor.engines.native.kernel_spec import define_inner
from asg_executor.engines.native.matmul.code import CONDITION, INDEX, POINTER, Index
from asg_executor.engines.native.matmul.elements import Elements
from asg_executor.engines.native.window.code import WindowCode
from asg_executor.plan.layout import natural_strides

__all__ = ["Line", "Planes", "define_copy"]


@dataclass(frozen=True)
class Line:
    """One axis, along which two numbers run: it meets element start + i · step + j · other_step.

    Of a convolution one is the place and the other the position in the kernel. Elements that are `step` apart become
    neighbours in the copy; for each remainder that j leaves there is a line of its own.

    Attributes:
        start: see above.
        step: the step of i.
        count: how many i there are, in one copy.
        other_step: the step of j.
        others: how many j there are.
        elements: how many elements the axis has; beyond them are zeros.
    """

    start: int
    step: int
    count: int
    other_step: int
    others: int
    elements: int

    @property
    def remainders(self) -> list[int]:
        """What j · other_step leaves, modulo the step."""
        return sorted({j * self.other_step % self.step for j in range(self.others)})

    @property
    def extent(self) -> int:
        """How many elements a line of the copy has."""
        return self.count + (self.others - 1) * self.other_step // self.step

    def place(self, j: int) -> tuple[int, int]:
        """In which line of the copy j begins, and where."""
        shift, remainder = divmod(j * self.other_step, self.step)
        return self.remainders.index(remainder), shift


@dataclass(frozen=True)
class Planes:
    """The copy of an image: for each choice of a remainder along each axis, a plane without gaps.

    Attributes:
        lines: the axes. Along the first the copy may be of a part of the i.
        strides: of the image in memory, in elements.
    """

    lines: tuple[Line, ...]
    strides: tuple[int, ...]

    @property
    def pitches(self) -> tuple[int, ...]:
        """The strides of a plane."""
        return natural_strides(tuple(line.extent for line in self.lines))

    @property
    def plane(self) -> int:
        """How many elements a plane has."""
        return prod(line.extent for line in self.lines)

    @property
    def elements(self) -> int:
        """How many elements the copy has."""
        return self.plane * prod(len(line.remainders) for line in self.lines)

    @property
    def run(self) -> int:
        """From the first to the last of all i, in the copy, and one more."""
        return sum((line.count - 1) * pitch for line, pitch in zip(self.lines, self.pitches, strict=True)) + 1

    @property
    def offsets(self) -> list[int]:
        """Where each i lies in the copy, in row-major order, beside the j."""
        counts = (range(line.count) for line in self.lines)
        return [sum(i * pitch for i, pitch in zip(place, self.pitches, strict=True)) for place in product(*counts)]

    @property
    def other_offsets(self) -> list[int]:
        """Where each j lies in the copy, in row-major order, beside the i."""
        numbers = natural_strides(tuple(len(line.remainders) for line in self.lines))
        offsets: list[int] = []
        for others in product(*(range(line.others) for line in self.lines)):
            placed = [line.place(j) for line, j in zip(self.lines, others, strict=True)]
            number = sum(index * stride for (index, _), stride in zip(placed, numbers, strict=True))
            shift = sum(shift * pitch for (_, shift), pitch in zip(placed, self.pitches, strict=True))
            offsets.append(number * self.plane + shift)
        return offsets


def define_copy(module: ir.Module, planes: Planes, elements: Elements, lanes: int) -> ir.Function:
    """Define `void (ptr image, ptr copy, i64 first)` in a module.

    `first` is the first of the i along the first axis. Up to a vector behind the copy is overwritten.

    Args:
        module: where to define it.
        planes: the copy.
        elements: of the image; the copy has them as numbers to compute with.
        lanes: how many elements a vector has.
    """
    function = define_inner(module, "copy", [POINTER, POINTER, INDEX], disjoint=2)
    _Copy(WindowCode(function, elements, lanes), planes).emit()
    return function


class _Copy:
    """Emits the code of a copy."""

    def __init__(self, code: WindowCode, planes: Planes) -> None:
        self.code = code
        self.planes = planes
        self.image, self.copy, self.first = code.function.args
        self.zero = ir.Constant(code.elements.wide.type, 0.0)

    def emit(self) -> None:
        """Emit all of it."""
        remainders = product(*(line.remainders for line in self.planes.lines))
        for number, chosen in enumerate(remainders):
            self._lines(list(chosen), number * self.planes.plane, 0, CONDITION(1), 0)
        self.code.builder.ret_void()

    def _coordinate(self, axis: int, remainder: int, index: Index) -> Index:
        """Of the element that stands at an index of a line."""
        code, line = self.code, self.planes.lines[axis]
        if axis == 0:
            index = code.add(index, self.first)
        return code.add(code.multiply(index, line.step), line.start + remainder)

    def _is_inside(self, coordinate: Index, axis: int) -> ir.Value:
        elements = self.planes.lines[axis].elements
        return self.code.builder.icmp_unsigned("<", self.code.value(coordinate), INDEX(elements))

    def _lines(self, remainders: list[int], target: Index, source: Index, inside: ir.Value, axis: int) -> None:
        """What lies at some place along the axes before this one.

        Args:
            remainders: of each axis.
            target: where it begins in the copy.
            source: where in the image.
            inside: whether the image has it.
            axis: the axis.
        """
        code, planes = self.code, self.planes
        line = planes.lines[axis]
        if axis == len(planes.lines) - 1:
            self._line(remainders[axis], target, source, inside)
            return
        with code.loop(0, line.extent) as index:
            coordinate = self._coordinate(axis, remainders[axis], index)
            self._lines(
                remainders,
                code.add(target, code.multiply(index, planes.pitches[axis])),
                code.add(source, code.multiply(coordinate, planes.strides[axis])),
                code.builder.and_(inside, self._is_inside(coordinate, axis)),
                axis + 1,
            )

    def _line(self, remainder: int, target: Index, source: Index, inside: ir.Value) -> None:
        """One line, by vectors where its elements are neighbours in the image."""
        code, axis = self.code, len(self.planes.lines) - 1
        line = self.planes.lines[axis]
        if line.step * self.planes.strides[axis] == 1:
            with code.loop(0, line.extent, code.lanes) as index:
                self._vector(remainder, index, target, source, inside)
            return
        with code.loop(0, line.extent) as index:
            coordinate = self._coordinate(axis, remainder, index)
            is_inside = code.builder.and_(inside, self._is_inside(coordinate, axis))
            offset = code.add(source, code.multiply(coordinate, self.planes.strides[axis]))
            # What is not inside is not read: the first element stands in for it.
            place = code.builder.select(is_inside, code.value(offset), INDEX(0))
            value = code.builder.select(is_inside, code.load(code.at(self.image, place)), self.zero)
            code.builder.store(value, code.at_number(self.copy, code.add(target, index)))

    def _vector(self, remainder: int, index: Index, target: Index, source: Index, inside: ir.Value) -> None:
        code, axis = self.code, len(self.planes.lines) - 1
        builder = code.builder
        begin = self._coordinate(axis, remainder, index)
        numbers = ir.Constant(ir.VectorType(INDEX, code.lanes), list(range(code.lanes)))
        coordinates = builder.add(numbers, code.splat(code.value(begin)))
        elements = ir.Constant(ir.VectorType(INDEX, code.lanes), [self.planes.lines[axis].elements] * code.lanes)
        mask = builder.and_(builder.icmp_unsigned("<", coordinates, elements), code.splat(inside))
        # The address of a lane that is not read may be anywhere.
        place = builder.gep(self.image, [code.value(code.add(source, begin))], source_etype=code.elements.type)
        code.store_run(code.load_vector(place, mask), code.at_number(self.copy, code.add(target, index)))
