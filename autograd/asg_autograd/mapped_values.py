"""`MappedValues`: what stands for the values of a graph for one example in the graph for all of them."""

from typing import NamedTuple

from asg_schema.dims import Dim
from asg_schema.editing import Value
from asg_schema.tensor_type import TensorType

__all__ = ["MappedValues"]


class MappedValues(NamedTuple):
    """The values of a graph for one example in the graph for all of them.

    Attributes:
        values: for each reference its value in the graph for all examples.
        mapped: the references of those that have the mapped axis, as their first.
        size: the size of that axis.
    """

    values: dict[str, Value]
    mapped: set[str]
    size: Dim

    def add(self, reference: str, value: Value, type: TensorType) -> None:
        """Enter a value, mapped or not, whose type for one example is `type`."""
        self.values[reference] = value
        if value.type == TensorType(type.dtype, (self.size, *type.shape)):
            self.mapped.add(reference)
        elif value.type != type:
            raise TypeError(f"a batching rule made {value.type} of {type} for {self.size} examples")
