"""A document as a listing that a person reads: rows of text, which a terminal or a pipe shows in its own way."""

import re
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, NamedTuple, cast

from asg_schema.attributes import encode_number
from asg_schema.dims import Dim, SymbolicDim, format_shape
from asg_schema.document import Document
from asg_schema.dtype import DType
from asg_schema.function import LinkedFunction
from asg_schema.linking import link_functions
from asg_schema.op import Op
from asg_schema.ops.creation import Bytes
from asg_schema.parts import Input, Output, Parameter
from asg_schema.statistics import Figures, Statistics
from asg_schema.tensor_type import TensorType

__all__ = [
    "Section",
    "format_attributes",
    "format_bytes",
    "format_call",
    "format_count",
    "format_output",
    "format_part",
    "format_role",
    "listing",
    "plain_text",
    "statistics_listing",
    "summary",
]

_MOST_SHOWN = 8
_NUMBER = re.compile(r"\b\d+\b")


class Section(NamedTuple):
    """A heading and its rows, each with as many cells as there are columns.

    Attributes:
        title: the heading.
        columns: what the columns hold.
        rows: the rows.
        headed: whether the columns need to be named above the rows.
    """

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    headed: bool = False

    @property
    def lines(self) -> list[tuple[str, ...]]:
        """The rows, below the names of their columns where these are needed."""
        return [self.columns, *self.rows] if self.headed else self.rows


def listing(document: Document) -> list[Section]:
    """The sections of a valid document that are not empty: inputs, parameters, nodes and outputs, with types.

    Each of its functions is a section behind them.
    """
    types = document.types
    sections = [
        Section("inputs", ("id", "type", "role"), [_input_row(item) for item in document.inputs]),
        Section(
            "parameters",
            ("id", "type", "elements", "first value"),
            [_parameter_row(item) for item in document.parameters],
        ),
        Section("nodes", ("id", "op", "type"), [_node_row(node, types) for node in document.nodes]),
        Section("outputs", ("name", "value", "type", "role"), [_output_row(item, types) for item in document.outputs]),
    ]
    functions, _ = link_functions(document.functions)
    sections.extend(_function(functions[name]) for name in document.functions)
    return [_without_empty_columns(section) for section in sections if section.rows]


def _function(function: LinkedFunction) -> Section:
    types = function.types
    rows = [
        *(("takes", item.id, "", f": {item.type}") for item in function.inputs),
        *(("", *_node_row(node, types)) for node in function.nodes),
        *(("answers", *_output_row(item, types)[:3]) for item in function.outputs),
    ]
    title = f"function {_printable(function.name)}"
    if function.vjp is not None:
        title += f", differentiated by its vjp {_printable(function.vjp.name)}"
    return Section(title, ("", "id", "op", "type"), rows)


def _printable(name: str) -> str:
    return name if name.isprintable() else ascii(name)


def _without_empty_columns(section: Section) -> Section:
    kept = [index for index in range(len(section.columns)) if any(row[index] for row in section.rows)]
    rows = [tuple(row[index] for index in kept) for row in section.rows]
    return Section(section.title, tuple(section.columns[index] for index in kept), rows)


def summary(document: Document) -> str:
    """How many of what a document has."""
    elements = sum(_elements(item) for item in document.parameters)
    size = sum(_elements(item) * item.dtype.itemsize for item in document.parameters)
    parameters = format_count(len(document.parameters), "parameter")
    if document.parameters:
        parameters += f" ({format_count(elements, 'element')}, {format_bytes(size)})"
    return ", ".join(
        (
            format_count(len(document.inputs), "input"),
            parameters,
            format_count(len(document.nodes), "node"),
            format_count(len(document.outputs), "output"),
            *([format_count(len(document.functions), "function")] if document.functions else []),
        )
    )


def statistics_listing(figures: Statistics) -> list[Section]:
    """The sections of a document's figures. Numbers are formulas where a symbol has no size."""
    parameters = f"{figures.parameters:,} with {format_count(figures.elements, 'element')}, "
    totals = [
        ("nodes", f"{figures.total.nodes:,}"),
        ("depth", f"{figures.depth:,}"),
        ("parameters", parameters + format_bytes(figures.parameter_bytes)),
        ("operations", _operations(figures.total)),
        ("bytes of results", _dim_bytes(figures.total.bytes)),
    ]
    columns = ("nodes", "operations", "bytes of results")
    sections = [
        Section("totals", ("what", "how many"), totals),
        Section("ops", ("op", *columns), [_figures_row(*item) for item in figures.ops.items()], True),
        Section("scopes", ("scope", *columns), [_figures_row(*item) for item in figures.scopes.items()], True),
        Section(
            "largest results",
            ("id", "type", "bytes"),
            [(value.reference, str(value.type), _dim_bytes(value.bytes)) for value in figures.largest],
        ),
    ]
    return [section for section in sections if section.rows]


def _figures_row(name: str, figures: Figures) -> tuple[str, ...]:
    return name or "(none)", f"{figures.nodes:,}", _operations(figures), _dim_bytes(figures.bytes)


def _operations(figures: Figures) -> str:
    counted = _grouped(figures.operations)
    if not figures.uncounted:
        return counted
    return (
        f"{counted} and those of {format_count(figures.uncounted, 'node')} that no formula gives; name sizes of symbols"
    )


def _dim_bytes(size: Dim) -> str:
    return format_bytes(size) if isinstance(size, int) else f"{_grouped(size)} bytes"


def _grouped(dim: Dim) -> str:
    """A dim as people read large numbers: `85,389,504*batch + 31`."""
    return _NUMBER.sub(lambda number: f"{int(number[0]):,}", str(dim))


def plain_text(sections: Sequence[Section]) -> str:
    """Sections as aligned columns."""
    lines: list[str] = []
    for section in sections:
        lines.append(section.title)
        widths = [max(map(len, cells)) for cells in zip(*section.lines, strict=True)]
        for row in section.lines:
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
            lines.append("  " + "  ".join(cells).rstrip())
        lines.append("")
    return "\n".join(lines)


def format_call(node: Op) -> str:
    """A node's right-hand side: `mean(squared, axis=[0, 1])`."""
    attributes = [f"{key}={value}" for key, value in format_attributes(node).items()]
    return f"{node.name}({', '.join([*node.inputs, *attributes])})"


def format_attributes(node: Op) -> dict[str, str]:
    """The attributes of a node that differ from their defaults, as a person reads them."""
    changed = node.attribute_json()
    return {key: _format(getattr(node, key)) for key in node.attributes if key in changed}


def format_part(item: Input | Parameter) -> str:
    """An input or a parameter on one line, with all that it means."""
    row = _input_row(item) if isinstance(item, Input) else (*_parameter_row(item)[:2], _parameter_row(item)[3])
    return "  ".join(filter(None, row))


def format_output(item: Output, type: TensorType) -> str:
    """An output on one line: its name, what it is called in the document, its type and its role."""
    return " ".join(filter(None, (item.name, f"= {item.value}", f": {type}", format_role(item.role))))


def _format(value: Any) -> str:
    if isinstance(value, DType):
        return value.value
    if isinstance(value, LinkedFunction):
        return _printable(value.name)
    if isinstance(value, Bytes):
        return f"<{format_count(len(value.decode()), 'byte')}>"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(encode_number(value))
    if isinstance(value, tuple):
        items = cast("tuple[Any, ...]", value)
        if all(isinstance(item, int | SymbolicDim) and not isinstance(item, bool) for item in items[:_MOST_SHOWN]):
            shown = format_shape(items[:_MOST_SHOWN])[1:-1]
        else:
            shown = ", ".join(map(_format, items[:_MOST_SHOWN]))
        return f"[{shown}{f', … {len(items)} in all' if len(items) > _MOST_SHOWN else ''}]"
    return str(value)


def _input_row(item: Input) -> tuple[str, ...]:
    return item.id, str(item.type), format_role(item.role)


def _parameter_row(item: Parameter) -> tuple[str, ...]:
    init = item.init.model_dump(exclude_defaults=True)
    arguments = ", ".join(f"{key}={_format(value)}" for key, value in init.items() if key != "kind")
    first = f"{item.init.kind}({arguments})" if arguments else item.init.kind
    return item.id, str(item.type), f"{_elements(item):,}", first + ("" if item.trainable else ", not trainable")


def _node_row(node: Op, types: Mapping[str, TensorType]) -> tuple[str, ...]:
    references = node.references()
    shown = ", ".join(str(types[reference]) for reference in references)
    return ", ".join(references), f"= {format_call(node)}", f": {shown}"


def _output_row(item: Output, types: Mapping[str, TensorType]) -> tuple[str, ...]:
    return item.name, f"= {item.value}", f": {types[item.value]}", format_role(item.role)


def format_role(role: Any) -> str:
    """What an input or an output is for, in words; nothing where it has no role."""
    if role is None:
        return ""
    of, wrt = getattr(role, "of", None), getattr(role, "wrt", None)
    words = [role.kind.replace("_", " "), *(["of", of] if of else []), *(["by", wrt] if wrt else [])]
    return " ".join(word if word.isprintable() else ascii(word) for word in words)


def _elements(item: Parameter) -> int:
    return prod(item.shape)


def format_count(number: int, noun: str) -> str:
    """A number of things: `1 node`, `1,234 nodes`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def format_bytes(size: int) -> str:
    """A number of bytes with one decimal in the largest unit that it reaches."""
    amount, unit = float(size), "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if amount < 1024:
            break
        amount, unit = amount / 1024, larger
    return f"{size} bytes" if unit == "bytes" else f"{amount:.1f} {unit}"
