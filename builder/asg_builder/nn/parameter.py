"""`Parameter`: what a layer says of one of its weights."""

from typing import TYPE_CHECKING

from asg_builder.arguments import DTypeLike, ShapeLike, as_dtype, as_shape
from asg_builder.graph import current_graph, parameter
from asg_builder.tensor import Tensor
from asg_schema.errors import AsgError
from asg_schema.initializers import Initializer, Zeros

if TYPE_CHECKING:
    from asg_builder.nn.module import Module

__all__ = ["Parameter"]


class Parameter:
    """A weight of a module: its shape, dtype and first value. It has no elements; the executor keeps those.

    Assigned to an attribute of a module it takes its name from there. Assigned to a second module it keeps the first
    name, so that the two share one weight.

    Args:
        shape: ints only.
        init: how it gets its first value (`asg_builder.initializers`); absent: zeros.
        dtype: its dtype.
        trainable: whether `grad` differentiates by it unless told otherwise.
    """

    def __init__(
        self,
        shape: ShapeLike,
        *,
        init: Initializer | None = None,
        dtype: DTypeLike = "float32",
        trainable: bool = True,
    ) -> None:
        self.shape = as_shape(shape)
        self.init = init or Zeros()
        self.dtype = as_dtype(dtype)
        self.trainable = trainable
        self.parent_module: Module | None = None
        self.parent_attribute = ""

    def __repr__(self) -> str:
        return f"Parameter({self.dtype.value}[{', '.join(map(str, self.shape))}], {self.init!r})"

    @property
    def path(self) -> str:
        """Its name in a document: the path of the module that it was first assigned to, and its attribute there.

        Raises:
            AsgError: it is not an attribute of a module, or its root module has no name yet and no graph is open.
        """
        if self.parent_module is None:
            raise AsgError("this Parameter belongs to no module; assign it to an attribute of one")
        return self.parent_module.prefix + self.parent_attribute

    @property
    def value(self) -> Tensor:
        """The parameter as a tensor of the current graph, declared there when it is first asked for.

        Raises:
            AsgError: no graph is open, or something else in it has the name already.
        """
        path, graph = self.path, current_graph()
        owner = graph.owner(path)
        if owner is self:
            return graph.value(path)
        if owner is not None:
            raise AsgError(
                f'two parameters are named "{path}" in the graph "{graph.name}"; give one of their modules another name'
            )
        tensor = parameter(path, self.shape, self.dtype, init=self.init, trainable=self.trainable)
        graph.claim(path, self)
        return tensor
