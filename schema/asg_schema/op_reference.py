"""The reference of all ops as Markdown, generated from their classes: `schema/OPS.md`."""

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import count, islice, pairwise
from textwrap import dedent
from typing import Annotated, Any, Literal, cast, get_args, get_origin

from pydantic.fields import FieldInfo

from asg_schema.attributes import Scalar, encode_number
from asg_schema.composite import Composite
from asg_schema.composites.contraction import Attention, AttentionWeights, Linear
from asg_schema.composites.contraction_einsum import Einsum
from asg_schema.composites.contraction_products import CosineSimilarity, Outer, PairwiseDistance
from asg_schema.composites.contraction_rotary import RotaryEmbedding
from asg_schema.composites.control import Call
from asg_schema.composites.creation import Size
from asg_schema.composites.elementwise import Clip, Gelu, LeakyRelu, Relu, Silu, Softplus
from asg_schema.composites.elementwise_activations import (
    Celu,
    Elu,
    Glu,
    Hardshrink,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    LogSigmoid,
    Mish,
    Prelu,
    Relu6,
    Selu,
    Softshrink,
    Softsign,
    Tanhshrink,
)
from asg_schema.composites.elementwise_normal import NormalCdf, NormalPdf
from asg_schema.composites.elementwise_products import Addcmul, Gate
from asg_schema.composites.indexing import Diag, Diagonal, Embedding, OneHot, Tril, Triu
from asg_schema.composites.layout import PadEdge, PadReflect, Repeat, Roll, Stack, Tile
from asg_schema.composites.linalg import Det, Inv, Slogdet, Solve
from asg_schema.composites.random import Dropout
from asg_schema.composites.random_distributions import Bernoulli, Categorical, Normal, Uniform
from asg_schema.composites.reduction import LayerNorm, LogSoftmax, Logsumexp, Mean, Softmax, Var
from asg_schema.composites.reduction_losses import BinaryCrossEntropy, CrossEntropy, Nll
from asg_schema.composites.reduction_normalization import BatchNorm, GroupNorm, InstanceNorm, RmsNorm
from asg_schema.composites.reduction_norms import Norm, Rstd, Std
from asg_schema.composites.reduction_ordering import TopK
from asg_schema.composites.reduction_products import CumulativeProd
from asg_schema.composites.window import AvgPool
from asg_schema.composites.window_adaptive import AdaptiveAvgPool, AdaptiveMaxPool, GlobalAvgPool, GlobalMaxPool
from asg_schema.composites.window_convolution import ConvTranspose
from asg_schema.composites.window_interpolation import Interpolate
from asg_schema.composites.window_unpooling import MaxUnpool
from asg_schema.dims import Dim, symbol
from asg_schema.dtype import DType
from asg_schema.editing import Editor
from asg_schema.function import LinkedFunction
from asg_schema.listing import format_call
from asg_schema.op import Op
from asg_schema.op_table import OPS
from asg_schema.ops.elementwise import Divide
from asg_schema.parts import Input, Output
from asg_schema.tensor_type import TensorType

__all__ = ["EXAMPLES", "op_reference", "op_section"]

_FLOAT, _N = DType.FLOAT32, symbol("n")
_X = TensorType(_FLOAT, (_N, 3))
_CHANNELS = (TensorType(_FLOAT, (3,)),)
_CHANNELS_OF_4 = (TensorType(_FLOAT, (4,)),)
_KEY = TensorType(DType.UINT32, (2,))

_NORMALISED = LinkedFunction(
    "normalised",
    [Input(id="v", dtype=_FLOAT, shape=(symbol("rows"), symbol("columns")))],
    [Norm(id="length", inputs=("v",), axis=(1,), keepdims=True), Divide(id="unit", inputs=("v", "length"))],
    [Output(name="unit", value="unit"), Output(name="length", value="length")],
)

EXAMPLES: Mapping[type[Composite], tuple[tuple[TensorType, ...], dict[str, Any]]] = {
    AdaptiveAvgPool: ((TensorType(_FLOAT, (_N, 3, 5)),), {"output_size": (2,)}),
    AdaptiveMaxPool: ((TensorType(_FLOAT, (_N, 3, 4, 4)),), {"output_size": (2, 2)}),
    Addcmul: ((_X, _X, _X), {"value": -1.0}),
    Attention: ((TensorType(_FLOAT, (_N, 4)),) * 3, {"causal": True}),
    AttentionWeights: ((TensorType(_FLOAT, (_N, 4)),) * 2, {"causal": True}),
    AvgPool: (
        (TensorType(_FLOAT, (_N, 3, 4, 4)),),
        {"kernel_size": (2, 2), "padding": ((1, 0), (1, 0)), "count_include_pad": False},
    ),
    BatchNorm: ((_X, *_CHANNELS * 4), {}),
    Bernoulli: ((_KEY, _X), {}),
    BinaryCrossEntropy: ((_X, _X), {}),
    Categorical: ((_KEY, _X), {}),
    Celu: ((_X,), {}),
    Clip: ((_X,), {"min": 0.0, "max": 1.0}),
    ConvTranspose: (
        (
            TensorType(_FLOAT, (_N, 3, symbol("h"), symbol("w"))),
            TensorType(_FLOAT, (3, 2, 4, 4)),
            TensorType(_FLOAT, (2,)),
        ),
        {"strides": (2, 2), "padding": ((1, 1), (1, 1))},
    ),
    Call: ((_X,), {"function": _NORMALISED}),
    CosineSimilarity: ((_X, _X), {}),
    CrossEntropy: ((_X, TensorType(DType.INT64, (_N,))), {}),
    CumulativeProd: ((_X,), {"axis": 1, "exclusive": True}),
    Det: ((TensorType(_FLOAT, (3, 3)),), {}),
    Diag: ((TensorType(_FLOAT, (_N,)),), {}),
    Diagonal: ((TensorType(_FLOAT, (_N, _N)),), {"offset": 1}),
    Dropout: ((_X, _KEY), {"p": 0.5}),
    Einsum: ((_X, TensorType(_FLOAT, (3, 4))), {"equation": "ij,jk->ik"}),
    Elu: ((_X,), {}),
    Embedding: ((TensorType(DType.INT64, (_N,)), TensorType(_FLOAT, (10, 3))), {"padding_idx": 0}),
    Gate: ((_X, _X), {}),
    Gelu: ((_X,), {}),
    GlobalAvgPool: ((TensorType(_FLOAT, (_N, 3, symbol("h"), symbol("w"))),), {}),
    GlobalMaxPool: ((TensorType(_FLOAT, (_N, 3, symbol("h"), symbol("w"))),), {}),
    Glu: ((TensorType(_FLOAT, (_N, 4)),), {}),
    GroupNorm: ((TensorType(_FLOAT, (_N, 4, 3)), *_CHANNELS_OF_4 * 2), {"num_groups": 2}),
    Hardshrink: ((_X,), {}),
    Hardsigmoid: ((_X,), {}),
    Hardswish: ((_X,), {}),
    Hardtanh: ((_X,), {}),
    InstanceNorm: ((TensorType(_FLOAT, (_N, 3, symbol("m"))), *_CHANNELS * 2), {}),
    Interpolate: ((TensorType(_FLOAT, (_N, 3, symbol("m"))),), {"scale_factor": (2.0,), "mode": "linear"}),
    Inv: ((TensorType(_FLOAT, (3, 3)),), {}),
    LayerNorm: ((_X, TensorType(_FLOAT, (3,)), TensorType(_FLOAT, (3,))), {"normalized_shape": (3,)}),
    LeakyRelu: ((_X,), {}),
    Linear: ((_X, TensorType(_FLOAT, (2, 3)), TensorType(_FLOAT, (2,))), {}),
    LogSigmoid: ((_X,), {}),
    LogSoftmax: ((_X,), {}),
    Logsumexp: ((_X,), {"axis": (1,)}),
    MaxUnpool: (
        (TensorType(_FLOAT, (_N, 3, 2, 2)), TensorType(DType.INT64, (_N, 3, 2, 2))),
        {"output_size": (4, 4)},
    ),
    Mean: ((_X,), {"axis": (0,)}),
    Mish: ((_X,), {}),
    Nll: ((_X, TensorType(DType.INT64, (_N,))), {}),
    Norm: ((_X,), {"axis": (1,)}),
    Normal: ((_KEY,), {"shape": (_N, 3)}),
    NormalCdf: ((_X,), {}),
    NormalPdf: ((_X,), {}),
    OneHot: ((TensorType(DType.INT64, (_N,)),), {"num_classes": 3}),
    Outer: ((TensorType(_FLOAT, (_N,)), TensorType(_FLOAT, (3,))), {}),
    PadEdge: ((_X,), {"low": (0, 1), "high": (0, 2)}),
    PadReflect: ((_X,), {"low": (0, 1), "high": (0, 2)}),
    PairwiseDistance: ((_X, _X), {}),
    Prelu: ((_X, *_CHANNELS), {}),
    Relu: ((_X,), {}),
    Relu6: ((_X,), {}),
    Repeat: ((_X,), {"repeats": 2, "axis": 1}),
    RmsNorm: ((_X, *_CHANNELS), {"normalized_shape": (3,)}),
    Roll: ((_X,), {"shift": (1,), "axis": (1,)}),
    RotaryEmbedding: ((TensorType(_FLOAT, (_N, 4)),), {}),
    Rstd: ((_X,), {"axis": (1,)}),
    Selu: ((_X,), {}),
    Silu: ((_X,), {}),
    Size: ((_X,), {"dtype": _FLOAT}),
    Slogdet: ((TensorType(_FLOAT, (3, 3)),), {}),
    Softmax: ((_X,), {}),
    Softplus: ((_X,), {}),
    Softshrink: ((_X,), {}),
    Softsign: ((_X,), {}),
    Solve: ((TensorType(_FLOAT, (3, 3)), TensorType(_FLOAT, (3, _N))), {}),
    Stack: ((_X, _X), {}),
    Std: ((_X,), {"axis": (1,), "correction": 1.0}),
    Tanhshrink: ((_X,), {}),
    Tile: ((_X,), {"repetitions": (2, 1)}),
    TopK: ((_X,), {"k": 2}),
    Tril: ((_X,), {}),
    Triu: ((_X,), {"k": 1}),
    Uniform: ((_KEY,), {"shape": (_N, 3), "low": -1.0}),
    Var: ((_X,), {"axis": (1,), "correction": 1.0}),
}
"""Operand types and attributes for which the reference shows each composite's expansion."""

_HEADER = """# The ops

Generated from the classes in `asg_schema` by `asg ops --markdown > schema/OPS.md`; do not edit.

**Types.** Operands that bear the same letter have the same dtype. An integer dtype is one of int8, int32, int64, uint8
and uint32; a number is an integer or one of float16, bfloat16, float32 and float64. Element-wise ops broadcast as NumPy
does: shapes are aligned at their last axes, a missing axis counts as 1, and along each axis the sizes are equal or 1; a
symbol is equal to itself alone.

**Attributes.** Those without a default must be given. A negative axis counts from the end, -1 being the last.

**Errors.** Operands and attributes that break what is said here make a document invalid. What a symbol leaves open is
checked when a program runs, once the symbol's value is known, and makes the run fail. An index out of range makes the
run fail, and so does a matrix that has no such factors; infinite and NaN values never do.

**Accuracy.** How a result is computed, and by how much it may differ in the last digits, is the executor's choice.
Roundings are to nearest, halves to even. A primitive op on float16 or bfloat16 is at least as accurate as if computed
in float32 and rounded once. Where the text of a composite leaves an edge open, its expansion decides.

**Gradients.** An operand with ∂ is differentiable: where its dtype is a floating-point one, a derivative passes through
it. *Gradient* says for each such operand what its cotangent is, the derivative of what is differentiated by that
operand; ḡ is the cotangent of the result (ḡ₀, ḡ₁, … of several; 0 where nothing depends on one). It is made of ops, so
that it can be differentiated again. A cotangent has the type of its operand: along axes that broadcasting repeated it
is summed. The values at kinks and ties are part of the definition.
"""


def op_reference() -> str:
    """The text of `schema/OPS.md`: every op, by family, primitives first."""
    primitives, composites = _by_family(composite=False), _by_family(composite=True)
    parts = [_HEADER]
    for title, families in (("Primitives", primitives), ("Composites", composites)):
        links = [
            f"- {family}: {' '.join(f'[{op.name}](#{op.name})' for op in ops)}" for family, ops in families.items()
        ]
        parts.append(f"**{title}**\n\n" + "\n".join(links) + "\n")
    for title, families in (("Primitives", primitives), ("Composites", composites)):
        for family, ops in families.items():
            parts.append(f"## {title}: {family}\n")
            modules = {op.__module__: op for op in sorted(ops, key=lambda op: op.__module__)}
            parts.extend(_module_text(op) for op in modules.values())
            parts.extend(op_section(op) for op in ops)
    return "\n".join(parts)


def _by_family(*, composite: bool) -> dict[str, list[type[Op]]]:
    families: dict[str, list[type[Op]]] = {}
    for op in OPS.values():
        if issubclass(op, Composite) is composite:
            families.setdefault(op.family(), []).append(op)
    return dict(sorted(families.items()))


def _module_text(op: type[Op]) -> str:
    module = inspect.getmodule(op)
    return _cleaned(module.__doc__ if module else None)


def op_section(op: type[Op]) -> str:
    """One op as a Markdown section: what it is, its operands, attributes and result, and a composite's expansion."""
    text, gradient = _split_off_gradient(inspect.cleandoc(op.__doc__ or ""))
    parts = [f"### {op.name}\n", text, _call(op)]
    if op.operands:
        parts.append(_operand_table(op))
    if op.attributes:
        parts.append(_attribute_table(op))
    shared = (base.__doc__ or "" for base in op.__mro__[1:])
    parts.extend(_cleaned(text) for text in islice((text for text in shared if text.startswith("The result")), 1))
    if len(op.results) > 1:
        parts.append(f"Results: {', '.join(op.results)}.\n")
    if gradient:
        parts.append(_gradient_list(op, gradient))
    if issubclass(op, Composite):
        parts.append(_expansion(op))
    return "\n".join(parts)


def _split_off_gradient(text: str) -> tuple[str, str]:
    """A docstring without its section `Gradient:`, and the lines of that section."""
    before, _, section = f"\n{text}\n".partition("\nGradient:\n")
    lines = section.splitlines(keepends=True)
    end = next((index for index, line in enumerate(lines) if line.strip() and not line.startswith(" ")), len(lines))
    after = "".join(lines[end:])
    kept = "\n\n".join(part for part in (before.strip(), after.strip()) if part)
    return f"{kept}\n", dedent("".join(lines[:end])).strip()


def _gradient_list(op: type[Op], text: str) -> str:
    """The section `Gradient:` as a list of operands; what is no entry of an operand stays a paragraph."""
    names = "|".join(re.escape(operand.name) for operand in op.operands)
    entry = re.compile(rf"((?:{names})(?:(?:, | and )(?:{names}))*): (?=.)")
    blocks: list[str] = []
    for line in text.splitlines():
        found = entry.match(line)
        if found:
            blocks.append(f"- `{found[1]}`: {line[found.end() :]}")
        elif line.startswith(" ") and blocks:
            blocks[-1] += f"\n  {line.strip()}"
        elif not blocks or not line or not blocks[-1] or blocks[-1].startswith("- "):
            blocks.append(line)
        else:
            blocks[-1] += f"\n{line}"
    result = "*Gradient*\n"
    for previous, block in pairwise(["", *filter(None, blocks)]):
        apart = "" if block.startswith("- ") and previous.startswith("- ") else "\n"
        result += f"{apart}{block}\n"
    return result


def _call(op: type[Op]) -> str:
    operands = [f"[{operand.name}]" if operand.optional else operand.name for operand in op.operands]
    if op.operands and op.operands[-1].variadic:
        operands[-1] += "…"
    attributes = [
        key if (field := op.model_fields[key]).is_required() else f"{key}={_default(field)}" for key in op.attributes
    ]
    return f"`{op.name}({', '.join([*operands, *attributes])})`\n"


def _operand_table(op: type[Op]) -> str:
    rows = [
        (
            f"`{operand.name}`" + (" (optional)" if operand.optional else "") + (" …" if operand.variadic else ""),
            operand.dtypes.description,
            operand.variable,
            "∂" if operand.differentiable else "",
        )
        for operand in op.operands
    ]
    return _table(("operand", "dtype", "letter", "∂"), rows)


def _attribute_table(op: type[Op]) -> str:
    rows: list[tuple[str, ...]] = []
    for key in op.attributes:
        field = op.model_fields[key]
        default = "" if field.is_required() else f"`{_default(field)}`"
        rows.append((f"`{key}`", _type_in_words(field.annotation), default, field.description or ""))
    return _table(("attribute", "type", "default", "meaning"), rows)


def _expansion(op: type[Composite]) -> str:
    types, attributes = EXAMPLES[op]
    editor = Editor()
    named = zip(_operand_names(op), types, strict=False)
    operands = [editor.add_input(Input(id=name, dtype=type.dtype, shape=type.shape)) for name, type in named]
    (result,) = op.of(*operands, **attributes).editor.nodes
    editor.nodes.clear()
    node = op(id=op.name, inputs=result.inputs, **attributes)
    values = node.expand(operands)
    width = max(len(item.id) for item in editor.nodes)
    lines = [f"{item.id.ljust(width)} = {format_call(item)} : {editor.types[item.id]}" for item in editor.nodes]
    names = ", ".join(f"`{value.id}`" for value in values)
    given = ", ".join(f"{operand.id} : {operand.type}" for operand in operands)
    return f"`{format_call(node)}` with {given} is {names} in:\n\n```\n" + "\n".join(lines) + "\n```\n"


def _operand_names(op: type[Op]) -> Iterator[str]:
    """What to call the operands of an application; those that a variadic one stands for are numbered."""
    for operand in op.operands:
        if operand.variadic:
            yield from (f"{operand.name}_{index}" for index in count())
        yield operand.name


_WORDS: Mapping[Any, str] = {str: "string", bool: "bool", int: "integer", float: "number", DType: "dtype"}


def _type_in_words(annotation: Any) -> str:
    """What to call the type of an attribute; that it may be absent is not said."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation == Dim:
        return "dim"
    if origin is None:
        return _WORDS[annotation]
    if LinkedFunction in arguments:  # JSON has its name
        return "string"
    if origin is Literal:
        return " or ".join(f'`"{choice}"`' for choice in arguments)
    if origin is Annotated:  # a type with bounds
        return _type_in_words(arguments[0])
    if origin is tuple and arguments[-1] is Ellipsis:
        pairs = get_origin(arguments[0]) is tuple
        return "list of pairs of integers" if pairs else f"list of {_type_in_words(arguments[0])}s"
    if annotation == get_args(Scalar)[0]:
        return "number or bool"
    members = [member for member in arguments if member is not type(None)]
    return _type_in_words(members[0]) if len(members) == 1 else 'list of numbers or bools, or `{"base64": …}`'


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float):
        return str(encode_number(value))
    if isinstance(value, tuple):
        return str(list(cast("tuple[Any, ...]", value)))
    return f'"{value}"' if isinstance(value, str) else str(value)


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in lines) + "\n"


def _cleaned(text: str | None) -> str:
    return inspect.cleandoc(text or "") + "\n"
