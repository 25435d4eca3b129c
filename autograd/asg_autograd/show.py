"""`show`: a document as a drawing."""

from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias, get_args

from asg_autograd.drawing.dot import write_dot
from asg_autograd.drawing.mermaid import write_mermaid
from asg_autograd.drawing.picture import Picture, picture_of
from asg_autograd.drawing.svg import write_svg
from asg_autograd.errors import TransformError
from asg_schema.document import Document
from asg_schema.garbage_collection import garbage_collection_paused

__all__ = ["DrawingFormat", "show"]

DrawingFormat: TypeAlias = Literal["svg", "dot", "mermaid"]
"""How a drawing is written: as SVG, laid out; as a graph of Graphviz; as a Mermaid flowchart."""

_WRITERS: Mapping[str, Callable[[Picture], str]] = {"svg": write_svg, "dot": write_dot, "mermaid": write_mermaid}
_MOST_SHAPES = 200


@garbage_collection_paused()
def show(
    document: Document,
    *,
    format: DrawingFormat = "svg",
    depth: int | None = None,
    scope: str | None = None,
    max_nodes: int = _MOST_SHAPES,
) -> str:
    """Draw a document: its inputs, parameters, nodes and outputs, with scopes as boxes and derivatives beside.

    Where there are more than `max_nodes` of them, the innermost scopes are drawn as one shape each, with what they hold
    and what goes in and out. The same document gives the same text.

    Args:
        document: a valid document.
        format: "svg" needs the extra `show` of the distribution, for the layout; "dot" and "mermaid" leave the layout
            to who reads them.
        depth: at most so many levels of boxes are open; 0: the outermost scopes are shapes. None: as many as
            `max_nodes` allows.
        scope: draw this scope alone, such as "block.0", in all parts, or "grad.block.0" in one; None: the whole.
        max_nodes: how many shapes the drawing may have, at least 1.

    Returns:
        The drawing's text.

    Raises:
        TransformError: the document has no such scope, an argument is out of range, or the library that computes the
            layout of SVG is not installed.
    """
    if format not in _WRITERS:
        raise TransformError(f'format "{format}" is none of {", ".join(get_args(DrawingFormat))}')
    if max_nodes < 1 or (depth is not None and depth < 0):
        wrong = f"max_nodes {max_nodes}: 1 or more" if max_nodes < 1 else f"depth {depth}: 0 or more"
        raise TransformError(f"{wrong} is needed")
    return _WRITERS[format](picture_of(document, depth, scope, max_nodes))
