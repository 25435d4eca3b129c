"""Random bits: Threefry-2x32 with 20 rounds, several counters in each vector; see `asg_executor.kernels.random`."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod

from llvmlite import ir

from asg_executor.engines.native.kernel_spec import define_kernel
from asg_executor.engines.native.kernel_table import Argument, NativeKernel, Operand, native_kernels, parts_for
from asg_schema.ops.random import RngBits

__all__ = ["RandomBitsSpec"]

_INDEX = ir.IntType(64)
_POINTER = ir.PointerType()
_WORD = ir.IntType(32)
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA
_UNIT = 4096  # words; some microseconds
_OPERATIONS = 80  # that a word takes


@dataclass(frozen=True)
class RandomBitsSpec:
    """The words of `rng_bits`; see `KernelSpec`. Its arguments are the keys and the result, both without gaps.

    Attributes:
        keys: how many keys there are.
        words: how many words each of them makes.
        offset: the counter of a key's first word.
        word: what becomes of a block's two words; see the op.
    """

    keys: int
    words: int
    offset: int
    word: str

    @property
    def _units_of_a_key(self) -> int:
        return -(-self.words // _UNIT)

    @property
    def units(self) -> int:
        """How many runs of words there are, each of one key."""
        return self.keys * self._units_of_a_key

    @property
    def scratch_bytes(self) -> int:
        """None."""
        return 0

    def define(self, module: ir.Module) -> None:
        """See `KernelSpec`."""
        kernel = define_kernel(module)
        arguments, begin, end, _, _ = kernel.args
        builder = ir.IRBuilder(kernel.append_basic_block("begin"))
        keys, result = (
            builder.load(builder.gep(arguments, [_INDEX(number)], source_etype=_POINTER), typ=_POINTER)
            for number in range(2)
        )
        with _loop(builder, begin, end) as unit:
            key = builder.udiv(unit, _INDEX(self._units_of_a_key))
            first = builder.mul(builder.urem(unit, _INDEX(self._units_of_a_key)), _INDEX(_UNIT))
            beyond = builder.add(first, _INDEX(_UNIT))
            last = builder.select(builder.icmp_signed("<", beyond, _INDEX(self.words)), beyond, _INDEX(self.words))
            pair = _word_at(builder, keys, builder.mul(key, _INDEX(2)))
            schedule = _schedule(
                builder,
                builder.load(pair, typ=_WORD),
                builder.load(_word_at(builder, pair, _INDEX(1)), typ=_WORD),
            )
            line = _word_at(builder, result, builder.mul(key, _INDEX(self.words)))
            with _loop(builder, first, last) as index:
                counter = builder.add(index, _INDEX(self.offset))
                high = builder.trunc(builder.lshr(counter, _INDEX(32)), _WORD)
                words = _block(builder, schedule, high, builder.trunc(counter, _WORD))
                builder.store(_chosen(builder, self.word, words), _word_at(builder, line, index))
        builder.ret_void()


def _word_at(builder: ir.IRBuilder, pointer: ir.Value, index: ir.Value) -> ir.Value:
    return builder.gep(pointer, [index], source_etype=_WORD, inbounds=True)


@contextmanager
def _loop(builder: ir.IRBuilder, begin: ir.Value, end: ir.Value) -> Generator[ir.Value]:
    """A loop over begin, begin + 1, … before `end`; what is appended in the context is its body."""
    body, after = builder.function.append_basic_block("body"), builder.function.append_basic_block("after")
    before = builder.block
    builder.cbranch(builder.icmp_signed("<", begin, end), body, after)
    builder.position_at_end(body)
    index = builder.phi(_INDEX)
    index.add_incoming(begin, before)
    yield index
    following = builder.add(index, _INDEX(1))
    index.add_incoming(following, builder.block)
    builder.cbranch(builder.icmp_signed("<", following, end), body, after)
    builder.position_at_end(after)


def _schedule(builder: ir.IRBuilder, first: ir.Value, second: ir.Value) -> list[ir.Value]:
    """The three words that are added in turn."""
    return [first, second, builder.xor(builder.xor(first, second), _WORD(_PARITY))]


def _block(builder: ir.IRBuilder, schedule: Sequence[ir.Value], a: ir.Value, b: ir.Value) -> tuple[ir.Value, ir.Value]:
    """What becomes of the counter (a, b): the op's description has the rounds."""
    a, b = builder.add(a, schedule[0]), builder.add(b, schedule[1])
    for group in range(5):
        for rotation in _ROTATIONS[group % 2]:
            a = builder.add(a, b)
            rotated = builder.or_(builder.shl(b, _WORD(rotation)), builder.lshr(b, _WORD(32 - rotation)))
            b = builder.xor(rotated, a)
        a = builder.add(a, schedule[(group + 1) % 3])
        b = builder.add(builder.add(b, schedule[(group + 2) % 3]), _WORD(group + 1))
    return a, b


def _chosen(builder: ir.IRBuilder, word: str, words: tuple[ir.Value, ir.Value]) -> ir.Value:
    if word == "xor":
        return builder.xor(*words)
    return words[0] if word == "first" else words[1]


@native_kernels.define(RngBits)
def rng_bits(
    op: RngBits, operands: Sequence[Operand], results: Sequence[Operand], threads: int
) -> Sequence[NativeKernel]:
    """Each part makes the words of some counters of some keys. Keys with gaps between them are NumPy's."""
    keys, words = operands[0].layout, results[0].layout
    if not keys.is_contiguous:
        return ()
    count, total = prod(keys.shape[:-1]), prod(words.shape)
    spec = RandomBitsSpec(count, total // count, op.offset, op.word)
    return (NativeKernel(spec, (Argument(0), Argument(1)), parts_for(total * _OPERATIONS, spec.units, threads)),)
