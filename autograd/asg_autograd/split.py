"""`split` and `linearize`: a forward document, and one for the derivatives that is given what the first has kept."""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal, NamedTuple

from asg_autograd.derivative_parts import Parts, derivative_parts, is_seed, parts_by_outputs
from asg_autograd.errors import TransformError
from asg_autograd.forward_mode import jvp
from asg_autograd.naming import free_prefixes
from asg_autograd.prune import prune
from asg_autograd.recomputation import ForwardValues, schedule
from asg_autograd.residuals import choose_residuals
from asg_autograd.selection import Disconnected
from asg_autograd.sizes import sized_by_inputs, with_measured_axes
from asg_autograd.static_cost import StaticCost, document_symbols
from asg_schema.document import Document, Input, Output
from asg_schema.garbage_collection import garbage_collection_paused
from asg_schema.linking import functions_of
from asg_schema.op import Op
from asg_schema.ops.creation import DimSize
from asg_schema.roles import GradientRole, OutputRole, TangentRole
from asg_schema.tensor_type import TensorType

__all__ = ["Linearization", "Split", "linearize", "split"]

_NOMINAL = 1024  # the size of a symbol that is given none: only which of two values is the smaller depends on it


class Split(NamedTuple):
    """A document with derivatives as two.

    Attributes:
        forward: the outputs that are no derivatives, and an output `residual.<id>` for each value that is passed.
        backward: the derivatives, with an input `residual.<id>` for each.
    """

    forward: Document
    backward: Document


class Linearization(NamedTuple):
    """A document, and its derivative at a point as a linear function.

    Attributes:
        forward: the document, with an output `residual.<id>` for each value that is passed.
        linear: from inputs `tangent.<name>` and `residual.<id>` to outputs `tangent.<output>`.
    """

    forward: Document
    linear: Document


@garbage_collection_paused()
def split(document: Document, *, symbols: Mapping[str, int] | None = None) -> Split:
    """A document with derivatives as a forward document and a backward document.

    The forward document has the outputs that are no derivatives of the highest order, and beside them the values that
    the backward document needs of it, its residuals. The backward document takes these, the cotangents, and of the
    inputs and parameters those that it needs. Run after each other they compute the same bits as the whole.

    What is passed, residuals and inputs, is few bytes: what is cheap to compute from others is computed again, and of a
    value and its views one is passed. A role stays but where it names an input that the backward document has no other
    need of.

    Args:
        document: a document that `grad`, `vjp`, `jvp` or another transform gave derivatives.
        symbols: sizes of symbols, by which values are compared; 1024 for those that are absent.

    Raises:
        TransformError: the document has no derivatives, or a symbol is unknown, or a name would be too long.
    """
    measured = with_measured_axes(document)
    return Split(*_divided(measured, derivative_parts(measured), symbols))


@garbage_collection_paused()
def linearize(
    document: Document,
    wrt: Literal["trainable"] | Sequence[str] = "trainable",
    outputs: str | Sequence[str] | None = None,
    disconnected: Disconnected = "zero",
    *,
    symbols: Mapping[str, int] | None = None,
) -> Linearization:
    """A document, and the linear function that is its derivative where the document was run: `jvp`, split in two.

    The linear document is run as often as there are directions, each time with the residuals of one run of the forward
    document.

    Args:
        document: a valid document.
        wrt: names of floating-point inputs and parameters, or "trainable" for all trainable parameters.
        outputs: names of floating-point outputs, of any shape; None: all that are floating-point.
        disconnected: what becomes of an output that depends on no value in `wrt`.
        symbols: sizes of symbols, as in `split`.

    Raises:
        TransformError: as in `jvp` and `split`.
        NotDifferentiableError: an op without a derivative stands between a value and an output.
        DisconnectedError: `disconnected` is "error", and an output depends on no value in `wrt`.
    """
    moved = with_measured_axes(jvp(document, wrt, outputs, disconnected))
    parts = parts_by_outputs(moved, {output.name for output in document.outputs})
    return Linearization(*_divided(moved, parts, symbols))


def _divided(document: Document, parts: Parts, symbols: Mapping[str, int] | None) -> tuple[Document, Document]:
    parts = parts._replace(backward=sized_by_inputs(parts.backward, document.types, document.inputs))
    values = ForwardValues(document, parts)
    sizes = {**dict.fromkeys(document_symbols(document), _NOMINAL), **(symbols or {})}
    derivatives = [output for output in document.outputs if output.name not in parts.outputs]
    wanted = {output.value for output in derivatives}
    wanted.update(*(node.inputs for node in parts.backward if not _asks_an_input(node, values)))
    passed = choose_residuals(parts, values, wanted, StaticCost(document, sizes))
    names = _residual_names(document, passed)
    # The forward document first: it refuses a name that is too long.
    return _forward(document, parts, names), _backward(document, parts, values, derivatives, names)


def _asks_an_input(node: Op, values: ForwardValues) -> bool:
    """Whether a node needs nothing but a size, which any input that has it can say."""
    return isinstance(node, DimSize) and node.inputs[0] in values.inputs


def _residual_names(document: Document, passed: Sequence[str]) -> dict[str, str]:
    """What each value is called as an output of one document and an input of the other."""
    stems = {reference: reference.replace(":", ".") for reference in passed}
    taken = {*document.types, *(output.name for output in document.outputs)}
    prefixes = free_prefixes("residual", stems.values(), taken)
    return {reference: prefixes[stem] + stem for reference, stem in stems.items()}


def _forward(document: Document, parts: Parts, names: Mapping[str, str]) -> Document:
    outputs = [output for output in document.outputs if output.name in parts.outputs]
    outputs.extend(_residual_output(reference, name) for reference, name in names.items())
    used = {reference for node in parts.forward for reference in node.inputs}
    used.update(output.value for output in outputs)
    inputs = [item for item in document.inputs if item.id in used or not is_seed(item)]
    return _document(document, inputs, parts.forward, outputs, document.types)


def _backward(
    document: Document, parts: Parts, values: ForwardValues, derivatives: Sequence[Output], names: Mapping[str, str]
) -> Document:
    """The document of the derivatives. Residuals come before its other inputs."""
    residuals = [_residual_input(name, document.types[reference]) for reference, name in names.items()]
    types = {**document.types, **{item.id: item.type for item in residuals}}
    results = [output.value for output in derivatives]
    steps = schedule(parts.backward, values.definitions, names, results)
    nodes = [_reading(step.node, names) for step in steps]
    used = {reference for node in nodes if not isinstance(node, DimSize) for reference in node.inputs}
    used.update(results)
    inputs = [*residuals, *(_with_role(item, used) for item in document.inputs)]
    # A size is asked of what is needed anyway.
    nodes = sized_by_inputs(nodes, types, [item for item in inputs if item.id in used])
    known = used.union(item.id for item in document.parameters)
    outputs = [
        output.model_copy(update={"value": names.get(output.value, output.value), "role": _known_role(output, known)})
        for output in derivatives
    ]
    return prune(_document(document, inputs, nodes, outputs, types))


def _reading(node: Op, names: Mapping[str, str]) -> Op:
    """A node that reads residuals."""
    if names.keys().isdisjoint(node.inputs):
        return node
    return node.model_copy(update={"inputs": tuple(names.get(reference, reference) for reference in node.inputs)})


def _with_role(item: Input, used: Collection[str]) -> Input:
    """An input without its role where that names what is not used."""
    lost = isinstance(item.role, TangentRole) and item.role.of not in used
    return item.model_copy(update={"role": None}) if lost else item


def _known_role(output: Output, known: Collection[str]) -> OutputRole | None:
    """The role of an output, None where it names an input that is not known."""
    return None if isinstance(output.role, GradientRole) and output.role.wrt not in known else output.role


def _residual_output(reference: str, name: str) -> Output:
    try:
        return Output(name=name, value=reference)
    except ValueError:
        raise TransformError(
            f'the residual "{name}" would have {len(name)} characters; at most 255 are allowed'
        ) from None


def _residual_input(name: str, type: TensorType) -> Input:
    return Input(id=name, dtype=type.dtype, shape=type.shape)


def _document(
    document: Document,
    inputs: Sequence[Input],
    nodes: Sequence[Op],
    outputs: Sequence[Output],
    types: Mapping[str, TensorType],
) -> Document:
    """A part of a document, whose types are known."""
    part = Document.model_construct(
        asg=document.asg,
        name=document.name,
        inputs=tuple(inputs),
        parameters=document.parameters,
        nodes=tuple(nodes),
        outputs=tuple(outputs),
        functions=functions_of(nodes),
        metadata=document.metadata,
    )
    references = [item.id for item in (*inputs, *document.parameters)]
    references.extend(reference for node in nodes for reference in node.references())
    object.__setattr__(part, "types", {reference: types[reference] for reference in references})
    return part
