"""Threefry-2x32 with 20 rounds in plain integers.

After Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011.
"""

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA
_MASK = 0xFFFFFFFF


def threefry_2x32(key: tuple[int, int], counter: tuple[int, int]) -> tuple[int, int]:
    """The block of two 32-bit words that the generator makes of a counter under a key."""
    schedule = (key[0], key[1], key[0] ^ key[1] ^ _PARITY)
    a, b = (counter[0] + schedule[0]) & _MASK, (counter[1] + schedule[1]) & _MASK
    for group in range(5):
        for rotation in _ROTATIONS[group % 2]:
            a = (a + b) & _MASK
            b = ((b << rotation) & _MASK | b >> (32 - rotation)) ^ a
        a = (a + schedule[(group + 1) % 3]) & _MASK
        b = (b + schedule[(group + 2) % 3] + group + 1) & _MASK
    return a, b


def random_word(key: tuple[int, int], counter: int) -> int:
    """The 32-bit word of `rng_bits` at a 64-bit counter."""
    a, b = threefry_2x32(key, (counter >> 32, counter & _MASK))
    return a ^ b
