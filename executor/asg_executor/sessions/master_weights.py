"""Master weights: parameters that documents declare in 16 bits, kept in float32 by a session in mixed precision.

A small update of a weight in 16 bits is lost by rounding. So the session computes with other documents than it was
given: in them such a parameter is float32, what reads it reads it rounded to the declared dtype, and its gradient and
its next value are widened. What callers see, names and dtypes, is that of the documents as they are.
"""

from collections.abc import Mapping

from asg_executor.sessions.graph_set import GraphSet
from asg_executor.sessions.precision import MixedPrecision, Precision
from asg_schema.document import Document, Output, Parameter
from asg_schema.dtype import DType
from asg_schema.free_name import free_name
from asg_schema.op import Op
from asg_schema.ops.elementwise import Astype
from asg_schema.roles import GradientRole, StateUpdateRole

__all__ = ["computed_graphs"]


def computed_graphs(graphs: GraphSet, precision: Precision) -> GraphSet:
    """The graphs that a session computes with.

    Args:
        graphs: those that it was given, found to fit together.
        precision: its precision.

    Returns:
        The same in other precisions than mixed, and where no parameter has 16 bits.
    """
    if not isinstance(precision, MixedPrecision) or not any(map(_is_narrow, graphs.parameters.values())):
        return graphs
    return GraphSet.of({name: _Widening(document).run() for name, document in graphs.graphs.items()})


def _is_narrow(parameter: Parameter) -> bool:
    return parameter.dtype.is_floating and parameter.dtype.bits == 16


class _Widening:
    """One document whose parameters of 16 bits become float32."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._narrow = {item.id: item for item in document.parameters if _is_narrow(item)}
        self._ids = set(document.types)
        self._names = {output.name for output in document.outputs}
        self._rounded: list[Op] = []
        self._widened: list[Op] = []

    def run(self) -> Document:
        document = self._document
        read = {name: self._conversion(self._rounded, name, item.dtype) for name, item in self._narrow.items()}
        nodes = [_reading(node, read) for node in document.nodes]
        outputs = [
            output.model_copy(update={"value": read.get(output.value, output.value)}) for output in document.outputs
        ]
        outputs = [item for output in outputs for item in self._outputs(output)]
        result = Document.model_construct(
            asg=document.asg,
            name=document.name,
            inputs=document.inputs,
            parameters=tuple(
                item.model_copy(update={"dtype": DType.FLOAT32}) if item.id in self._narrow else item
                for item in document.parameters
            ),
            nodes=(*self._rounded, *nodes, *self._widened),
            outputs=tuple(outputs),
            functions=document.functions,
            metadata=document.metadata,
        )
        _ = result.types  # it is checked here
        return result

    def _outputs(self, output: Output) -> list[Output]:
        """An output; where it is the gradient or the next value of a narrow parameter also that, in float32."""
        role = output.role
        of = role.wrt if isinstance(role, GradientRole) else role.of if isinstance(role, StateUpdateRole) else None
        if of not in self._narrow:
            return [output]
        value = self._conversion(self._widened, output.value, DType.FLOAT32)
        wide = Output(name=_free(f"{output.name}.float32", self._names), value=value, role=role)
        return [output.model_copy(update={"role": None}), wide]

    def _conversion(self, nodes: list[Op], reference: str, dtype: DType) -> str:
        id = _free(f"{reference.replace(':', '.')}.{dtype.value}", self._ids)
        nodes.append(Astype(id=id, inputs=(reference,), dtype=dtype))
        return id


def _reading(node: Op, read: Mapping[str, str]) -> Op:
    """A node that reads other values in the place of some."""
    if read.keys().isdisjoint(node.inputs):
        return node
    return node.model_copy(update={"inputs": tuple(read.get(reference, reference) for reference in node.inputs)})


_LONGEST_STEM = 240  # so that a name with a number behind it has at most 255 characters


def _free(stem: str, taken: set[str]) -> str:
    """The first of `stem`, `stem.2`, `stem.3`, … that is not taken, which it is from now on."""
    name = free_name(stem[:_LONGEST_STEM], taken, ".")
    taken.add(name)
    return name
