"""The graph in which the code of a function is run, once, to become a function of the document."""

from collections.abc import Sequence
from typing import Any, NoReturn

from typing_extensions import override

from asg_builder.graph import Graph
from asg_builder.nn.parameter import Parameter
from asg_builder.tensor import Tensor
from asg_schema.attributes import is_identifier
from asg_schema.document import Input
from asg_schema.document import Parameter as DocumentParameter
from asg_schema.dtype import DType
from asg_schema.errors import AsgError
from asg_schema.function import LinkedFunction
from asg_schema.op import Op
from asg_schema.tensor_type import TensorType

__all__ = ["FunctionBody"]


class FunctionBody(Graph):
    """A graph that only has the inputs that its function is given.

    Args:
        name: the name of the function.
        caller: the graph in which it is called.

    Attributes:
        draws: whether the code has drawn a random key, which then is the last input.
    """

    def __init__(self, name: str, caller: Graph) -> None:
        super().__init__(name)
        self.functions = caller.functions
        self.draws = False
        self._lent: dict[str, Tensor] = {}
        self._prefixes: dict[str, str] = {}

    def declare(self, hint: str, type: TensorType) -> Tensor:
        """An input of the function, called `hint` if that is an id and free."""
        id = self.fresh_id(hint if is_identifier(hint) else "operand")
        return super().add_input(Input(id=id, dtype=type.dtype, shape=type.shape))

    def lend(self, parameter: Parameter, path: str, value: Tensor) -> None:
        """Let a layer find the value of a parameter of the caller's graph among the inputs."""
        self.claim(path, parameter)
        self._lent[path] = value

    def shorten(self, prefix: str, scope: str) -> None:
        """Let ids begin with `scope` where a layer has `prefix`: the function may be called for another layer, too."""
        self._prefixes[prefix] = scope

    def linked(self, name: str, results: Sequence[Tensor], vjp: LinkedFunction | None = None) -> LinkedFunction:
        """The function that answers `results`."""
        names = ["result"] if len(results) == 1 else [f"result{index}" for index in range(len(results))]
        for key, value in zip(names, results, strict=True):
            self.output(**{key: value})
        needed = {output.value for output in self.outputs}
        nodes: list[Op] = []
        for node in reversed(self.nodes):
            if not needed.isdisjoint(node.references()):
                nodes.append(node)
                needed.update(node.inputs)
        return LinkedFunction(name, self.inputs, nodes[::-1], self.outputs, vjp)

    @override
    def value(self, reference: str) -> Tensor:
        lent = self._lent.get(reference)
        return super().value(reference) if lent is None else lent

    @override
    def fresh_id(self, hint: str) -> str:
        outer = self.scope
        prefixes = [prefix for prefix in self._prefixes if prefix and outer.startswith(prefix)]
        if prefixes:
            longest = max(prefixes, key=len)
            self.scope = self._prefixes[longest] + outer[len(longest) :]
        try:
            return super().fresh_id(hint)
        finally:
            self.scope = outer

    @override
    def rng_key(self) -> Tensor:
        if not self.draws:
            self.draws = True
            outer, self.scope = self.scope, ""  # the key is the whole function's, whichever layer asks first
            self._rng_key = self.declare("rng_key", TensorType(DType.UINT32, (2,)))
            self.scope = outer
        return super().rng_key()

    @override
    def add_input(self, item: Input) -> Tensor:
        self._refuse(f'the input "{item.id}"')

    @override
    def add_parameter(self, item: DocumentParameter) -> Tensor:
        self._refuse(f'the parameter "{item.id}"')

    @override
    def state(self, parameter: Tensor) -> Tensor:
        self._refuse(f'the next value of "{parameter.id}"')

    @override
    def update_state(self, parameter: Tensor, value: Tensor) -> None:
        self._refuse(f'the next value of "{parameter.id}"')

    def _refuse(self, what: str) -> NoReturn:
        raise AsgError(
            f'the function "{self.name}" declares {what}; it has only what it is given: pass in tensors, or layers, '
            "whose parameters are passed in for it, and answer what is to be known outside"
        )

    @override
    def document(self, name: str | None = None, metadata: dict[str, Any] | None = None) -> NoReturn:
        raise AsgError(f'the function "{self.name}" is not a document; it becomes a part of that of its caller')
