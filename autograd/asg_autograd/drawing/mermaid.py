"""A picture as a Mermaid flowchart, which many pages of Markdown show as a drawing."""

from collections.abc import Iterator

from asg_autograd.drawing.leaves import Kind
from asg_autograd.drawing.picture import Box, Picture
from asg_autograd.drawing.texts import printable

__all__ = ["write_mermaid"]

_SHAPES = {
    Kind.INPUT: ("[/", "\\]"),
    Kind.PARAMETER: ("[(", ")]"),
    Kind.OPERATION: ("[", "]"),
    Kind.COMPOSITE: ("[[", "]]"),
    Kind.OUTPUT: ("([", "])"),
    Kind.SCOPE: ("{{", "}}"),
    Kind.OUTSIDE: (">", "]"),
}


def write_mermaid(picture: Picture) -> str:
    """A picture as the text of a flowchart."""
    return "\n".join(_lines(picture)) + "\n"


def _lines(picture: Picture) -> Iterator[str]:
    yield "flowchart TB"
    number = 0
    stack: list[Box | str] = list(reversed(picture.boxes))
    while stack:
        box = stack.pop()
        if isinstance(box, str):
            yield box
            continue
        if box.label:
            yield f"subgraph s{number}[{_quoted(box.label)}]"
            number += 1
            stack.append("end")
        for index in box.shapes:
            text = picture.shapes[index].text
            opening, closing = _SHAPES[text.kind]
            shown = "<br>".join(_escaped(line) for line in (text.heading, *text.lines))
            yield f'  n{index}{opening}"{shown}"{closing}'
        stack.extend(reversed(box.boxes))
    for link in picture.links:
        yield f"  n{link.source} --> n{link.target}"


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    """Text without a character that Mermaid, or Markdown inside it, would take for its own."""
    return "".join(item if item.isalnum() or item in " .,:/=+-()_…" else f"#{ord(item)};" for item in printable(text))
