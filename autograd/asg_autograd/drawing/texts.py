"""Text in a drawing: what a name may show of itself, and how wide it is.

Widths are counted and not asked of a font, so that a drawing is the same on every machine. Every usual fixed-width font
is at most `ADVANCE` of its size wide.
"""

import unicodedata

__all__ = ["ADVANCE", "printable", "shortened", "text_width"]

ADVANCE = 0.605
"""The width of a character, as a share of the font's size."""


def printable(text: str) -> str:
    """`text` with what is no visible character, such as a change of the writing direction, as an escape."""
    return "".join(item if item.isprintable() else ascii(item)[1:-1] for item in text)


def shortened(text: str, most: int) -> str:
    """`text`, printable, in at most so many characters: what is too long loses its middle."""
    shown = printable(text)
    if len(shown) <= most:
        return shown
    kept = most - 1
    return f"{shown[: kept - kept // 2]}…{shown[len(shown) - kept // 2 :]}"


def text_width(text: str, size: float) -> float:
    """How wide `text` is in a fixed-width font of that size, in the size's unit."""
    columns = len(text) + sum(unicodedata.east_asian_width(item) in "WF" for item in text)
    return columns * size * ADVANCE
