"""Random bits from an explicit key."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from asg_schema.attributes import Shape
from asg_schema.dtype import DType
from asg_schema.errors import RuleError
from asg_schema.op import DTypeGroup, Op, Operand
from asg_schema.ops.creation import check_shape
from asg_schema.tensor_type import TensorType

__all__ = ["RngBits", "check_key"]


def check_key(key: TensorType, operand: int) -> None:
    """Refuse a key that is not uint32[2].

    Raises:
        RuleError: naming the operand.
    """
    if key.shape != (2,):
        raise RuleError(f"{{{operand}}} is a random key; uint32[2] is needed there", operand=operand)


def _check_keys(keys: TensorType) -> None:
    """Refuse what is neither a key nor keys along leading axes."""
    if keys.shape[-1:] != (2,):
        raise RuleError("{0} is a random key; uint32[2] is needed there, or […, 2] for several keys", operand=0)


class RngBits(Op):
    """Independent uniform 32-bit words, a function of the key alone: Threefry-2x32 with 20 rounds.

    With c = offset + the row-major index of an element, modulo 2⁶⁴, let (a, b) be the block that Threefry-2x32 makes of
    the counter (c >> 32, c mod 2³²) under the key (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
    The element is a XOR b, or with `word` a or b, which are independent of each other and together are 64 bits. With
    offset 0 these are the bits of `jax.random.bits` for a threefry key with `jax_threefry_partitionable`: a XOR b those
    of uint32, a · 2³² + b those of uint64. Every engine yields the same.

    A key is uint32[2]. Of several keys, uint32[…, 2], each makes an array of `shape` by itself, counted from `offset`;
    the result has the leading axes of the keys, and then those of `shape`.

    The block of a counter (a, b) under a key (k₀, k₁), in arithmetic modulo 2³²: let k₂ = k₀ XOR k₁ XOR 0x1BD11BDA; a
    += k₀, b += k₁; then for i = 1 to 5: four rounds with the rotations r = 13, 15, 26, 6 (i odd) or 17, 29, 16, 24 (i
    even), a round being a += b, b = b rotated left by r, b = b XOR a; and after the four, a += kⱼ with j = i mod 3 and
    b += kⱼ + i with j = (i + 1) mod 3. The key 13198a2e 03707344 (hexadecimal) makes of 243f6a88 85a308d3 the block
    c4923a9c 483df7a0.
    """

    op: Literal["rng_bits"] = "rng_bits"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("key", DTypeGroup.UINT32, variable="K", differentiable=False),)
    shape: Shape = Field(description="The shape of what each key makes.")
    offset: Annotated[int, Field(strict=True, ge=0, lt=2**63)] = Field(
        default=0, description="The counter of the first element, at least 0."
    )
    word: Literal["xor", "first", "second"] = Field(
        default="xor", description="What becomes of a block's two words: their exclusive or, the first, or the second."
    )

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (key,) = operands
        _check_keys(key)
        check_shape(self.shape)
        return (TensorType(DType.UINT32, (*key.shape[:-1], *self.shape)),)
