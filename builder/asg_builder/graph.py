"""The graph that is being built, and what declares its interface.

```python
with asg.graph("regression") as g:
    x = asg.input("x", ("batch", 3))
    weight = asg.parameter("weight", (3, 1), init=initializers.XavierUniform())
    g.output(prediction=x @ weight)
document = g.document()
```

The innermost open graph is the current one, for each thread and each asynchronous task on its own.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ValidationError
from typing_extensions import override

from asg_builder.arguments import DTypeLike, ShapeLike, as_dtype, as_shape
from asg_builder.function_table import FunctionTable
from asg_builder.tensor import Tensor
from asg_schema.document import Document, Input, Output, Parameter
from asg_schema.dtype import DType
from asg_schema.editing import Editor, Value
from asg_schema.errors import AsgError, DocumentError, Problem
from asg_schema.initializers import Initializer, Zeros
from asg_schema.op import Op
from asg_schema.ops.random import RngBits
from asg_schema.roles import InputRole, MetricRole, OutputRole, RngKeyRole, StateUpdateRole
from asg_schema.wire import validation_problems

__all__ = ["Graph", "current_graph", "graph", "input", "name_scope", "parameter", "rng_key"]

_open_graphs: ContextVar[tuple["Graph", ...]] = ContextVar("open_graphs", default=())

Part = TypeVar("Part", bound=BaseModel)


class Graph(Editor[Tensor]):
    """A graph under construction. `with` makes it the current one; it may be opened again to add to it.

    Args:
        name: the document's name, 1 to 255 characters.

    Attributes:
        functions: the functions of the document so far.
    """

    def __init__(self, name: str = "graph") -> None:
        super().__init__(Tensor)
        if not 1 <= len(name) <= 255:
            raise ValueError(f"a graph's name has 1 to 255 characters, not {len(name)}")
        self.name = name
        self._owners: dict[str, object] = {}
        self._rng_key: Tensor | None = None
        self._subkeys = 0
        self._next_numbers: dict[str, int] = {}
        self._states: dict[str, Tensor] = {}
        self.functions = FunctionTable()

    def __repr__(self) -> str:
        return (
            f"Graph({self.name!r}, {len(self.inputs)} inputs, {len(self.parameters)} parameters, "
            f"{len(self.nodes)} nodes, outputs: {', '.join(item.name for item in self.outputs) or 'none'})"
        )

    def __enter__(self) -> Self:
        _open_graphs.set((*_open_graphs.get(), self))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _open_graphs.set(_open_graphs.get()[:-1])

    @override
    def emit(
        self, op: type[Op], operands: Sequence[Value | None], attributes: dict[str, Any], id: str | None = None
    ) -> tuple[Tensor, ...]:
        opened = _open_graphs.get()
        if opened and opened[-1] is not self:
            raise AsgError(
                f'{op.name}: the operands belong to the graph "{self.name}", and "{opened[-1].name}" is open; '
                "a value of one graph cannot be used in another"
            )
        return super().emit(op, operands, attributes, id)

    def output(self, **values: Tensor) -> None:
        """Give values of the graph a name to the outside.

        Raises:
            AsgError: a name is taken, or a value belongs to another graph.
        """
        for name, value in values.items():
            self._add_output(name, value, None)

    def metric(self, **values: Tensor) -> None:
        """Like `output`, for figures to be watched while training.

        Raises:
            AsgError: a name is taken, or a value belongs to another graph.
        """
        for name, value in values.items():
            self._add_output(name, value, MetricRole())

    def update_state(self, parameter: Tensor, value: Tensor) -> None:
        """Declare the next value of a parameter that is not trained, such as a running mean.

        A session's step commits it; the output is named `update.<parameter>`. A second update of the same parameter
        takes the place of the first; to go on from that, compute it from `state(parameter)`.

        Args:
            parameter: a parameter of this graph, declared with `trainable=False`.
            value: a tensor of its dtype and shape.

        Raises:
            AsgError: `parameter` is not such a parameter, or `value` has another type.
        """
        self._check_state(parameter, "update_state")
        if value.type != parameter.type:
            raise AsgError(f"update_state: {value} is to replace {parameter}; the types must be equal")
        name = f"update.{parameter.id}"
        if parameter.id in self._states:
            place = next(index for index, output in enumerate(self.outputs) if output.name == name)
            self._check_own(name, value)
            self.outputs[place] = self.outputs[place].model_copy(update={"value": value.id})
        else:
            self._add_output(name, value, StateUpdateRole(of=parameter.id))
        self._states[parameter.id] = value

    def state(self, parameter: Tensor) -> Tensor:
        """The value of a parameter that is not trained after the updates that are declared so far.

        Args:
            parameter: a parameter of this graph, declared with `trainable=False`.

        Returns:
            What `update_state` was given last; the parameter itself before.

        Raises:
            AsgError: `parameter` is not such a parameter.
        """
        self._check_state(parameter, "state")
        return self._states.get(parameter.id, parameter)

    def _check_state(self, parameter: Tensor, what: str) -> None:
        declared = next((item for item in self.parameters if item.id == parameter.id), None)
        if declared is None or declared.trainable or parameter.editor is not self:
            raise AsgError(
                f'{what}: "{parameter.id}" is not a parameter of this graph with trainable=False; only such a '
                "parameter is state"
            )

    def _add_output(self, name: str, value: object, role: OutputRole | None) -> None:
        source = {"name": name, "value": self._check_own(name, value).id}
        self.add_output(_part(Output, f'output "{name}"', ("outputs", len(self.outputs)), source, role=role))

    def _check_own(self, name: str, value: object) -> Tensor:
        if not isinstance(value, Tensor):
            raise TypeError(f'output "{name}" is a {type(value).__name__}; a Tensor of the graph is needed')
        if value.editor is not self:
            raise AsgError(f'output "{name}": {value} belongs to another graph')
        return value

    @override
    def document(self, name: str | None = None, metadata: dict[str, Any] | None = None) -> Document:
        """The document as it stands.

        Args:
            name: another name than the graph's.
            metadata: free-form JSON, such as where the document comes from.
        """
        return super().document(name or self.name, metadata)

    def owner(self, name: str) -> object | None:
        """Who claimed a name, if anyone did. Layers find their own parameters again by it, and notice another's."""
        return self._owners.get(name)

    def unclaimed(self, hint: str) -> str:
        """The first of `hint`, `hint_1`, `hint_2`, … whose scope nobody claimed. What is claimed stays so."""
        number = self._next_numbers.get(hint, 0)
        while self.owner(f"{(name := f'{hint}_{number}' if number else hint)}.") is not None:
            number += 1
        self._next_numbers[hint] = number
        return name

    def claim(self, name: str, owner: object) -> None:
        """Keep a name for `owner`."""
        self._owners[name] = owner

    def rng_key(self) -> Tensor:
        """A key for random numbers, uint32[2], another one at each call.

        The first call declares the graph's one input with the role `rng_key`; the i-th key is
        `rng_bits(key, shape=[2], offset=2·i)`.
        """
        if self._rng_key is None:
            outer, self.scope = self.scope, ""  # the key is the whole graph's, whichever layer asks first
            item = Input(id=self.fresh_id("rng_key"), dtype=DType.UINT32, shape=(2,), role=RngKeyRole())
            self.scope = outer
            self._rng_key = self.add_input(item)
        offset = 2 * self._subkeys
        self._subkeys += 1
        return self.emit(RngBits, (self._rng_key,), {"shape": (2,), "offset": offset})[0]


def _part(
    kind: type[Part], label: str, place: tuple[str, int], source: dict[str, Any], role: BaseModel | None = None
) -> Part:
    """A part of a document, with Pydantic's complaints as problems."""
    try:
        return kind(**source, role=role) if "role" in kind.model_fields else kind(**source)
    except ValidationError as error:
        problems = validation_problems(error, source, place)
        raise DocumentError([Problem(at, code, f"{label}: {message}") for at, code, message in problems]) from None


def graph(name: str = "graph") -> Graph:
    """A new graph, to be opened with `with`.

    Args:
        name: the document's name.
    """
    return Graph(name)


def current_graph() -> Graph:
    """The innermost graph that is open in this thread or asynchronous task.

    Raises:
        AsgError: there is none.
    """
    opened = _open_graphs.get()
    if not opened:
        raise AsgError('no graph is open here; write "with asg.graph(name) as g:" around the code that builds it')
    return opened[-1]


def input(id: str, shape: ShapeLike = (), dtype: DTypeLike = "float32", *, role: InputRole | None = None) -> Tensor:
    """Declare an input of the current graph: a value that comes with each run.

    Args:
        id: its name.
        shape: ints, symbols and expressions over symbols: `("batch", 3)`. One symbol is one size throughout the graph.
        dtype: its dtype.
        role: what it is for, where it is more than data.

    Returns:
        A tensor of that shape and dtype.

    Raises:
        AsgError: no graph is open, the id is taken, or the id or a dim is malformed.
    """
    opened = current_graph()
    dims = as_shape(shape)
    for axis, dim in enumerate(dims):
        if isinstance(dim, int) and dim < 0:
            raise AsgError(f'input "{id}": axis {axis} is {dim}; a size of at least 0, or a symbol, is needed')
    source = {"id": id, "shape": dims, "dtype": as_dtype(dtype)}
    return opened.add_input(_part(Input, f'input "{id}"', ("inputs", len(opened.inputs)), source, role))


def parameter(
    id: str,
    shape: ShapeLike,
    dtype: DTypeLike = "float32",
    *,
    init: Initializer | None = None,
    trainable: bool = True,
) -> Tensor:
    """Declare a parameter of the current graph: a value that the executor keeps between runs.

    Args:
        id: its name.
        shape: ints only: a parameter gets its first value before any input is seen.
        dtype: its dtype.
        init: how it gets its first value (`asg_builder.initializers`); absent: zeros.
        trainable: whether `grad` differentiates by it unless told otherwise.

    Returns:
        A tensor of that shape and dtype.

    Raises:
        AsgError: no graph is open, the id is taken, or the id or a dim is malformed.
    """
    opened = current_graph()
    source = {
        "id": id,
        "shape": as_shape(shape),
        "dtype": as_dtype(dtype),
        "init": init or Zeros(),
        "trainable": trainable,
    }
    return opened.add_parameter(_part(Parameter, f'parameter "{id}"', ("parameters", len(opened.parameters)), source))


def rng_key() -> Tensor:
    """A key for random numbers in the current graph, uint32[2], another one at each call.

    The graph gets one input with the role `rng_key`, which a session derives from its seed and the number of the step.

    Raises:
        AsgError: no graph is open.
    """
    return current_graph().rng_key()


@contextmanager
def name_scope(name: str) -> Generator[None]:
    """Put `name` and a dot before the ids of the nodes that are built within.

    Scopes nest: `encoder.layer.matmul`. They change names only, so not the document's digest.

    Raises:
        AsgError: no graph is open.
    """
    opened = current_graph()
    outer = opened.scope
    opened.scope = f"{outer}{name}."
    try:
        yield
    finally:
        opened.scope = outer
