"""AMX, by which some x86 processors multiply matrices of bfloat16: its registers, and who may use them.

A register holds up to 16 rows of 64 bytes. One instruction multiplies 16 rows of 32 bfloat16 with 32 rows of 16, which
lie in pairs of rows, and adds the 16 x 16 sums to a third register: Intel 64 and IA-32 Architectures Software
Developer's Manual, volume 1, chapter 18, and TDPBF16PS in volume 2.
"""

import ctypes
import sys

__all__ = [
    "AMX_HALVES",
    "AMX_ROWS",
    "AMX_ROW_BYTES",
    "AMX_TERMS",
    "CONFIGURATION_BYTES",
    "HEIGHTS_AT",
    "LEFT",
    "RIGHT",
    "SUMS",
    "WIDTHS_AT",
    "configuration",
    "may_use_tiles",
]

AMX_ROWS = 16
"""How many rows a register has, and how many float32 each of them."""

AMX_ROW_BYTES = 64
"""How many bytes a row has."""

AMX_TERMS = 32
"""How many terms of a sum of products of bfloat16 an instruction adds."""

AMX_HALVES = 2
"""Into how many registers a tile of the result is divided, by rows and by columns: of eight registers four are its."""

SUMS = tuple(tuple(AMX_HALVES * row + column for column in range(AMX_HALVES)) for row in range(AMX_HALVES))
"""The numbers of the registers for the sums, by the halves of rows and of columns."""

LEFT, RIGHT = (4, 5), (6, 7)
"""Those of the registers for the halves of the left matrix and of the right one."""

WIDTHS_AT, HEIGHTS_AT, CONFIGURATION_BYTES = 16, 48, 64
"""Where a configuration has how many bytes the rows of each register have, in 16 bits, and where, in a byte each, how
many rows it has; and how long the configuration is."""

_PALETTE = 1  # of eight registers
_ARCH_PRCTL, _ARCH_REQ_XCOMP_PERM, _XTILEDATA = 158, 0x1023, 18


def may_use_tiles() -> bool:
    """Ask the system for the use of AMX's registers by this process: https://docs.kernel.org/arch/x86/xstate.html.

    Returns:
        Whether all of its threads may use them. It is refused where some thread handles signals on a stack that has no
        room for the registers.
    """
    if sys.platform != "linux":
        return False
    syscall = ctypes.CDLL(None).syscall
    syscall.restype, syscall.argtypes = ctypes.c_long, [ctypes.c_long] * 3
    return syscall(_ARCH_PRCTL, _ARCH_REQ_XCOMP_PERM, _XTILEDATA) == 0


def configuration(rows: int) -> bytes:
    """What the registers hold for tiles of so many rows, as LDTILECFG reads it.

    Args:
        rows: at most `AMX_HALVES * AMX_ROWS`.
    """
    heights = [min(AMX_ROWS, rows), max(rows - AMX_ROWS, 0)]
    registers = dict.fromkeys(RIGHT, AMX_ROWS)
    for half, height in enumerate(heights):
        registers |= dict.fromkeys((*SUMS[half], LEFT[half]), height)
    found = bytearray(CONFIGURATION_BYTES)
    found[0] = _PALETTE
    for number, height in registers.items():
        if height:
            found[HEIGHTS_AT + number] = height
            found[WIDTHS_AT + 2 * number] = AMX_ROW_BYTES
    return bytes(found)
