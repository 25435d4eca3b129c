"""`Gather`: each element of the result is that of an array which an index names."""

from dataclasses import dataclass
from math import prod

from llvmlite import ir

from asg_executor.engines.native.lookups.places import PlaceCode, Places
from asg_executor.engines.native.strided_code import StridedCode, bits_type

__all__ = ["Gather"]


@dataclass(frozen=True)
class Gather:
    """A kernel spec. The arguments are the array, the indices and the result.

    Attributes:
        places: where each element of the result comes from.
        result_strides: how the result lies along the axes of the domain.
        itemsize: of an element, in bytes.
        unit_axes: how many of the first axes make up the units.
    """

    places: Places
    result_strides: tuple[int, ...]
    itemsize: int
    unit_axes: int
    scratch_bytes: int = 0

    @property
    def units(self) -> int:
        """One for each place along the first axes."""
        return prod(self.places.shape[: self.unit_axes])

    def define(self, module: ir.Module) -> None:
        """See `KernelSpec`."""
        code = StridedCode(module, 3)
        array, indices, result = code.arrays
        places = PlaceCode(code, self.places, indices)
        shape, cut = self.places.shape, self.unit_axes
        looked_up = max(cut, self.places.looked_up)
        type = bits_type(self.itemsize)
        with code.loop(code.begin, code.end) as unit:
            outer = code.indices(unit, shape[:cut])
            with code.loops(shape[cut:looked_up]) as middle:
                known = [*outer, *middle]
                found = code.add(places.indexed(known), code.offset(known, self.places.strides[:looked_up]))
                target = code.offset(known, self.result_strides[:looked_up])
                with code.loops(shape[looked_up:]) as inner:
                    source = code.add(found, code.offset(inner, self.places.strides[looked_up:]))
                    value = code.load(array, source, type)
                    code.store(value, result, code.add(target, code.offset(inner, self.result_strides[looked_up:])))
        places.finish()
