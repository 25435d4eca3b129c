"""What keeps a document from being differentiated.

asg_schema.errors.AsgError
└── TransformError                 a transform cannot do what it was asked for with this document
    ├── DisconnectedError          nothing of what is differentiated depends on a value, and that was to be an error
    └── NotDifferentiableError     an op without a derivative stands on a path
"""

from collections.abc import Sequence

from asg_schema.errors import AsgError

__all__ = ["DisconnectedError", "NotDifferentiableError", "TransformError", "show_path"]

_MOST_SHOWN = 9


class TransformError(AsgError):
    """A transform cannot do what it was asked for with this document."""


class DisconnectedError(TransformError):
    """Nothing of what is differentiated depends differentiably on a value."""


class NotDifferentiableError(TransformError):
    """A path from a value to what is differentiated leads through an op without a derivative.

    Attributes:
        node: the id of the op's node.
        op: the op's name.
        path: the ids on the path, from the value to what is differentiated. A rule, which knows no path, names the
            results of the op through which it may lead.
        reason: why, for an op that has a derivative otherwise; else empty.
    """

    def __init__(self, node: str, op: str, path: tuple[str, ...], reason: str = "") -> None:
        self.node = node
        self.op = op
        self.path = path
        self.reason = reason
        why = reason and f" ({reason})"
        super().__init__(
            f'node "{node}" ({op}) has no derivative{why}, and it stands on the path {show_path(path, node)}; stop the '
            "gradient before it, or leave out what the path begins with"
        )


def show_path(path: Sequence[str], node: str) -> str:
    """A path as messages show it: of a long one the ends, and what is beside a node on it.

    Args:
        path: the ids on the path.
        node: the id that the message is about.
    """
    if len(path) <= _MOST_SHOWN:
        return " -> ".join(path)
    middle = path.index(node) if node in path else 0
    shown = sorted({0, 1, *range(max(middle - 1, 0), min(middle + 2, len(path))), len(path) - 2, len(path) - 1})
    pieces: list[str] = []
    for before, index in zip((-1, *shown), shown, strict=False):
        if index > before + 1:
            pieces.append(f"… {index - before - 1:,} more …")
        pieces.append(path[index])
    return " -> ".join(pieces)
