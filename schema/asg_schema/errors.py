"""What is wrong with a document, said so that it can be mended.

AsgError
├── DocumentError      the document is not valid; carries every `Problem` found
├── ExpansionError     the nodes of a function are too many to be written in the place of a call
└── RuleError          an op's operands or attributes break its rule; inference turns it into a `Problem`
    └── DimError       a dim is not one, or is too large an expression; also a ValueError
"""

from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["MOST_PROBLEMS", "AsgError", "DimError", "DocumentError", "ExpansionError", "Problem", "RuleError"]


MOST_PROBLEMS = 100
"""How many problems are told in full."""


class AsgError(Exception):
    """The root of the errors that ASG raises on purpose."""


class Problem(NamedTuple):
    """One fault of a document.

    Attributes:
        pointer: where it is, as a JSON Pointer (RFC 6901): `/nodes/3/inputs/1`.
        code: what kind of fault it is, stable across releases: `unknown_op`, `type_mismatch`, …
        message: a sentence that names the node, the value that broke the rule, and what would be right.
    """

    pointer: str
    code: str
    message: str

    def within(self, pointer: str, owner: str) -> "Problem":
        """The problem where what it is about stands at `pointer` of something larger, called `owner`."""
        return Problem(pointer + self.pointer, self.code, owner + self.message)

    def __str__(self) -> str:
        return f"{self.pointer or '/'}: {self.message}"


class DocumentError(AsgError):
    """A document is not valid.

    Attributes:
        problems: the faults that were found, in document order; the first 100 where there are more.
        more: how many faults there are beyond these.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems[:MOST_PROBLEMS])
        self.more = len(problems) - len(self.problems)
        lines = [*map(str, self.problems), *([f"and {self.more} more problems"] if self.more else [])]
        super().__init__("\n".join(lines))


class ExpansionError(AsgError):
    """The nodes of a function, with all calls in it expanded, are too many to be written in the place of a call."""


class RuleError(AsgError):
    """Operands or attributes break an op's rule.

    Args:
        message: the rule, the value that broke it, and what would be right. Operands are written as `{0}`, `{1}`, …:
            inference puts the value's name and type there.
        operand: which operand is at fault, if it is one.
        field: which attribute is at fault, if it is one.
    """

    def __init__(self, message: str, *, operand: int | None = None, field: str | None = None) -> None:
        self.message = message
        self.operand = operand
        self.field = field
        super().__init__(message)


class DimError(RuleError, ValueError):
    """A dim is not one, or its expression has grown too large."""
