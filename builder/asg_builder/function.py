"""Functions of a document, written as Python functions of tensors.

```python
@asg.function
def block(x, weight):
    return asg.tanh(x @ weight) + x

with asg.graph("model") as g:
    x = asg.input("x", ("batch", 8))
    for index in range(12):
        x = block(x, asg.parameter(f"weight{index}", (8, 8)))
    g.output(y=x)
```

The document has the function once and twelve calls of it.
"""

import functools
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from inspect import signature
from types import MethodType
from typing import Any, Generic, NamedTuple, ParamSpec, Self, TypeVar, cast, overload

import numpy as np

from asg_builder.function_body import FunctionBody
from asg_builder.function_signature import function_signature
from asg_builder.function_table import Traced
from asg_builder.graph import Graph, current_graph
from asg_builder.nn.module import Module
from asg_builder.nn.parameter import Parameter
from asg_builder.tensor import Tensor
from asg_schema.attributes import is_identifier, is_name
from asg_schema.composites.control import Call
from asg_schema.errors import AsgError
from asg_schema.function import LinkedFunction
from asg_schema.function_interface import vjp_inputs, vjp_outputs
from asg_schema.tensor_type import TensorType

__all__ = ["TracedFunction", "function"]

P = ParamSpec("P")
R = TypeVar("R")


@overload
def function(code: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def function(
    *, name: str | None = None, vjp: Callable[..., Any] | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def function(
    code: Callable[P, R] | None = None, /, *, name: str | None = None, vjp: Callable[..., Any] | None = None
) -> Callable[P, R] | Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a Python function of tensors a function of the document: a decorator.

    The code runs once for each combination of operand types, in a graph of its own. Its nodes stand once in the
    document however often it is called. Its arguments may be tensors, lists, tuples and dictionaries of them, layers,
    whose parameters are passed in for it, and anything else that is hashable, which is fixed in its nodes. It answers a
    tensor, or a tuple or list of tensors, which comes back as a tuple. A random key that the code draws is another one
    for each call. A method of a layer, such as `forward`, may be such a function: its code runs for each layer, and the
    function stands once in the document if all of them compute the same.

    Args:
        code: the Python function.
        name: its name in the document, with a number behind it where another has that; absent: that of the code, or of
            the layer whose method it is.
        vjp: how cotangents are pulled back through it, in place of the gradient of its nodes: a Python function of the
            tensors, the results, and a cotangent for each floating-point result, by position, and of the other
            arguments, by name. It answers a cotangent for each floating-point tensor, in order; None stands for zeros.

    Raises:
        AsgError: the name is none.
    """
    if code is None:
        return lambda code: TracedFunction(code, name, vjp)
    return TracedFunction(code, name, vjp)


class _Leaf(NamedTuple):
    """An argument, or a part of one.

    Attributes:
        name: how it is called: `x`, `layers.0`.
        value: the argument.
    """

    name: str
    value: Any


class _Operand(NamedTuple):
    """What is passed to the function.

    Attributes:
        name: how it is called in it.
        tensor: the caller's tensor.
        parameter: the parameter of a layer whose value that is, if it is one.
    """

    name: str
    tensor: Tensor
    parameter: Parameter | None = None


class TracedFunction(Generic[P, R]):
    """A Python function whose calls are calls of a function of the document; see `function`.

    Args:
        code: the Python function.
        name: its name in documents; absent: that of the code.
        vjp: how cotangents are pulled back through it.
    """

    def __init__(self, code: Callable[P, R], name: str | None, vjp: Callable[..., Any] | None) -> None:
        functools.update_wrapper(cast("Any", self), code)
        self._code = code
        self._vjp = vjp
        self._signature = signature(code)
        self._is_named = name is not None
        found: str = getattr(code, "__name__", "function") if name is None else name
        self.name = "function" if found == "<lambda>" else found
        if not is_name(self.name):
            raise AsgError(f"{self.name!r} is no name; it has 1 to 255 characters, none of them a control character")

    def __repr__(self) -> str:
        return f"TracedFunction({self.name!r})"

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> Callable[..., R]: ...
    def __get__(self, instance: object | None, owner: type) -> "Self | Callable[..., R]":
        return self if instance is None else MethodType(self, instance)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function in the current graph.

        Raises:
            AsgError: no graph is open, or what the code does cannot be done in a function.
            TypeError: an argument is nothing that may be passed, or the code answers something else than tensors.
        """
        graph = current_graph()
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        leaves = list(_leaves(bound.arguments))
        operands = list(_operands(leaves))
        if not operands:
            raise AsgError(
                f'the function "{self.name}" is given no tensor; a function of a document takes at least one'
            )
        traced = self._traced(graph, bound.arguments, leaves, operands)
        given = [operand.tensor for operand in operands]
        if traced.draws:
            given.append(graph.rng_key())
        name = traced.function.name
        id = graph.fresh_id(name) if is_identifier(name) else None
        results = graph.emit(Call, given, {"function": traced.function}, id)
        return cast("R", results[0] if traced.single else results)

    def _traced(
        self, graph: Graph, arguments: Mapping[str, Any], leaves: Sequence[_Leaf], operands: Sequence[_Operand]
    ) -> Traced:
        """The function for operands of these types, and for these other arguments."""
        declared = function_signature([operand.tensor.type for operand in operands])
        # What a layer computes depends on more than on what it is: it is traced again, and found by what it means.
        has_layers = any(isinstance(leaf.value, Module) for leaf in leaves)
        key = (self, declared.key, tuple(self._key(leaf) for leaf in leaves))
        found = None if has_layers else graph.functions.find(key)
        if found is not None:
            return found
        traced = self._trace(graph, arguments, leaves, operands, declared.inputs)
        if self._vjp is not None:
            if has_layers or traced.draws:
                raise AsgError(
                    f'the function "{self.name}" has a vjp; so it takes no layer and draws no random key: pass in '
                    "parameters and keys as tensors, of which the vjp knows"
                )
            others = {leaf.name: leaf.value for leaf in leaves if not isinstance(leaf.value, Tensor)}
            vjp = _traced_vjp(graph, traced.function, self._vjp, others)
            own = traced.function
            traced = traced._replace(function=LinkedFunction(own.name, own.inputs, own.nodes, own.outputs, vjp))
        traced = traced._replace(function=graph.functions.entered(traced.function))
        graph.functions.keep(key, traced)
        return traced

    def _key(self, leaf: _Leaf) -> Hashable:
        if isinstance(leaf.value, Tensor):
            return leaf.name
        if isinstance(leaf.value, np.ndarray):
            raise TypeError(
                f'the function "{self.name}": {leaf.name} is an array; asg.constant makes a tensor of it, which can be '
                "passed"
            )
        try:
            hash(leaf.value)
        except TypeError:
            raise TypeError(
                f'the function "{self.name}": {leaf.name} is a {type(leaf.value).__name__}, which is not hashable; '
                "pass tensors, layers, or what is hashable"
            ) from None
        return leaf.name, cast("type[object]", type(leaf.value)), leaf.value

    def _trace(
        self,
        graph: Graph,
        arguments: Mapping[str, Any],
        leaves: Sequence[_Leaf],
        operands: Sequence[_Operand],
        types: Sequence[TensorType],
    ) -> Traced:
        """Run the code."""
        layers = [leaf.value for leaf in leaves if leaf.name == "self" and isinstance(leaf.value, Module)]
        name = type(layers[0]).__name__ if layers and not self._is_named else self.name
        body = FunctionBody(name, graph)
        inside: dict[str, Tensor] = {}
        for operand, declared in zip(operands, types, strict=True):
            value = body.declare(operand.name, declared)
            if operand.parameter is None:
                inside[operand.name] = value
            else:
                body.lend(operand.parameter, operand.parameter.path, value)
        for leaf in leaves:
            if isinstance(leaf.value, Module):
                body.shorten(leaf.value.prefix, _scope(leaf))
        bound = self._signature.bind_partial()
        bound.arguments.update({name: _replaced(name, value, inside) for name, value in arguments.items()})
        with body:
            answered = self._code(*bound.args, **bound.kwargs)
        function = body.linked(name, _tensors(name, answered))
        return Traced(function, isinstance(answered, Tensor), body.draws)


def _leaves(arguments: Mapping[str, Any]) -> Iterator[_Leaf]:
    """What arguments consist of, in order."""
    for name, value in arguments.items():
        if isinstance(value, list | tuple):
            yield from _leaves({f"{name}.{index}": item for index, item in enumerate(cast("Sequence[Any]", value))})
        elif isinstance(value, dict):
            yield from _leaves({f"{name}.{key}": item for key, item in cast("dict[Any, Any]", value).items()})
        else:
            yield _Leaf(name, value)


def _replaced(name: str, value: Any, inside: Mapping[str, Tensor]) -> Any:
    """An argument with the function's own tensors in place of the caller's."""
    if isinstance(value, list | tuple):
        items = [_replaced(f"{name}.{at}", item, inside) for at, item in enumerate(cast("Sequence[Any]", value))]
        return items if isinstance(value, list) else tuple(items)
    if isinstance(value, dict):
        return {key: _replaced(f"{name}.{key}", item, inside) for key, item in cast("dict[Any, Any]", value).items()}
    return inside.get(name, value)


def _operands(leaves: Sequence[_Leaf]) -> Iterator[_Operand]:
    """The tensors among arguments, and the parameters of the layers among them, each once."""
    seen: set[int] = set()
    for leaf in leaves:
        if isinstance(leaf.value, Tensor):
            yield _Operand(leaf.name, leaf.value)
        elif isinstance(leaf.value, Module):
            for path, parameter in leaf.value.named_parameters():
                if id(parameter) not in seen:
                    seen.add(id(parameter))
                    yield _Operand(_scope(leaf) + path, parameter.value, parameter)


def _scope(leaf: _Leaf) -> str:
    """What the ids of a layer begin with in a function that is given it."""
    return "" if leaf.name == "self" else f"{leaf.name}."


def _tensors(name: str, answered: object) -> list[Tensor]:
    values: list[Any] = list(cast("Sequence[Any]", answered)) if isinstance(answered, list | tuple) else [answered]
    for value in values:
        if not isinstance(value, Tensor):
            kind = type(value).__name__
            raise TypeError(f'the function "{name}" answers a {kind}; a Tensor or a tuple of Tensors is needed')
    if not values:
        raise TypeError(f'the function "{name}" answers nothing; a Tensor or a tuple of Tensors is needed')
    return values


def _traced_vjp(
    graph: Graph, function: LinkedFunction, code: Callable[..., Any], others: Mapping[str, Any]
) -> LinkedFunction:
    """Run the code of a `vjp`.

    Args:
        graph: the graph of the caller.
        function: the function that it belongs to.
        code: the code.
        others: the arguments that are no tensors, by name.
    """
    name = f"{function.name}.vjp"
    body = FunctionBody(name, graph)
    types = function.types
    inputs, outputs = [item.type for item in function.inputs], [types[item.value] for item in function.outputs]
    floating = [item for item, type in zip(function.outputs, outputs, strict=True) if type.dtype.is_floating]
    hints = [item.id for item in function.inputs] + [item.name for item in function.outputs]
    hints += [f"cotangent.{item.name}" for item in floating]
    given = [body.declare(hint, type) for hint, type in zip(hints, vjp_inputs(inputs, outputs), strict=True)]
    wanted = vjp_outputs(inputs)
    with body:
        answered = code(*given, **others)
        values = list(cast("Sequence[Any]", answered)) if isinstance(answered, list | tuple) else [answered]
        if len(values) != len(wanted):
            raise AsgError(
                f'"{name}" answers {len(values)} cotangents; {len(wanted)} are needed, one for each floating-point '
                f'tensor that "{function.name}" takes'
            )
        values = [
            body.full(type.shape, 0.0, type.dtype) if value is None else value
            for value, type in zip(values, wanted, strict=True)
        ]
    results = _tensors(name, values)
    for place, (result, type) in enumerate(zip(results, wanted, strict=True)):
        if result.type != type:
            raise AsgError(f'"{name}" answers {result.type} as cotangent {place}; {type} is needed there')
    return graph.functions.entered(body.linked(name, results))
