"""What keeps a document from being differentiated.

asg_schema.errors.AsgError
└── TransformError                 a transform cannot do what it was asked for with this document
    ├── DisconnectedError          nothing of what is differentiated depends on a value, and that was to be an error
    └── NotDifferentiableError     an op without a derivative stands on a path
"""

from asg_schema.errors import AsgError

__all__ = ["DisconnectedError", "NotDifferentiableError", "TransformError"]


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
            f'node "{node}" ({op}) has no derivative{why}, and it stands on the path {" -> ".join(path)}; stop the '
            "gradient before it, or leave out what the path begins with"
        )
