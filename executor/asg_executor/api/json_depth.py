"""How deep JSON is nested, found without parsing it: parsers recurse."""

import numpy as np

from asg_executor.errors import LimitExceededError

__all__ = ["check_depth", "has_few_brackets"]

_OPENING, _CLOSING, _QUOTE = b"[{", b"]}", b'"'
_OTHERS = bytes(set(range(256)) - set(_OPENING + _CLOSING + _QUOTE))
_STEPS = np.zeros(256, np.int8)
_STEPS[list(_OPENING)] = 1
_STEPS[list(_CLOSING)] = -1
_BLOCK = 2**20  # bytes: a few milliseconds, after which other threads have their turn


def check_depth(text: bytes, most: int) -> None:
    """Refuse JSON that is nested too deep.

    Args:
        text: the JSON, which may be none at all.
        most: how deep lists and objects may be nested.

    Raises:
        LimitExceededError: it is deeper.
    """
    if has_few_brackets(text, most):
        return
    # Without escapes every quotation mark begins or ends a string. A backslash that is escaped goes first: what follows
    # it is not.
    marks = text.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _OTHERS)
    depth = quotes = 0
    for begin in range(0, len(marks), _BLOCK):
        codes = np.frombuffer(marks, np.uint8, min(_BLOCK, len(marks) - begin), begin)
        counts = np.cumsum(codes == _QUOTE[0], dtype=np.int32) + quotes
        steps = np.where(counts % 2 == 0, _STEPS[codes], 0)
        depths = np.cumsum(steps, dtype=np.int32) + depth
        deepest = int(depths.max())
        if deepest > most:
            raise LimitExceededError("max_json_depth", "the JSON is nested", deepest, most, "levels deep")
        depth, quotes = int(depths[-1]), int(counts[-1]) % 2


def has_few_brackets(text: bytes, most: int) -> bool:
    """Whether no more than `most` lists and objects begin in a text. To look for few is quicker than to count them."""
    for bracket in (b"[", b"{"):
        at = text.find(bracket)
        while at >= 0:
            most -= 1
            if most < 0:
                return False
            at = text.find(bracket, at + 1)
    return True
