"""Copies of pieces of a matrix in the order in which a product reads them.

A *panel* has for each of `depth` terms the `width` elements of a tile, one after another: of the right matrix for each
row its columns, of the left matrix for each column its rows. Where the processor multiplies pairs, it has that for
every two terms, and a packed number holds two bfloat16; the last pair of an odd number of terms ends with 0.
"""

from dataclasses import dataclass

from llvmlite import ir

from asg_executor.engines.native.kernel_spec import define_inner
from asg_executor.engines.native.matmul.code import INDEX, POINTER, Code, Index
from asg_executor.engines.native.matmul.elements import Elements

__all__ = ["Panel", "Panels", "define_packing", "define_packing_of_panels", "transposed"]


@dataclass(frozen=True)
class Panel:
    """A panel and where its elements come from. Strides count elements.

    Attributes:
        width: how many elements of a term are copied.
        padded: how many numbers a term, or pair, has in the panel: whole vectors, of which those are 0 that are not
            copied, or just `width`.
        across: between two elements of a term in the matrix.
        along: between two terms in the matrix.
        terms: how many terms a number holds, 1 or 2.
        group: of how many terms there are whole groups in the panel; those that are not copied are 0.
    """

    width: int
    padded: int
    across: int
    along: int
    terms: int = 1
    group: int = 1


@dataclass(frozen=True)
class Panels:
    """Panels whose elements are neighbours in the matrix, term by term. They are written at the same time.

    Attributes:
        panel: each of them; the elements of a term are neighbours.
        numbers: from one panel to the next.
    """

    panel: Panel
    numbers: int


def define_packing(module: ir.Module, panel: Panel, elements: Elements, lanes: int) -> ir.Function:
    """Define `void (ptr matrix, ptr panel, i64 depth)` in a module.

    Where terms are neighbours in the matrix, the panel gets further ones up to whole vectors, which are 0, too.
    """
    function = define_inner(module, "pack", [POINTER, POINTER, INDEX], disjoint=2)
    code = Code(function, elements, lanes)
    if panel.across == 1:
        _copy_terms(code, panel)
    elif panel.along == 1:
        _transpose(code, panel)
    else:
        _gather(code, panel)
    if panel.group > panel.terms:
        _complete_group(code, panel)
    code.builder.ret_void()
    return function


def _complete_group(code: Code, panel: Panel) -> None:
    """Write zeros for the terms that the last group lacks."""
    _, copy, depth = code.function.args
    zero = ir.Constant(code.vector, None)
    numbers = [code.split(code.add(depth, size - 1), size)[0] for size in (panel.terms, panel.group)]
    with code.loop(numbers[0], code.multiply(numbers[1], panel.group // panel.terms)) as number:
        place = code.at_number(copy, code.multiply(number, panel.padded))
        for begin in range(0, panel.padded, code.lanes):
            code.store_numbers(zero, code.at_number(place, begin))


def define_packing_of_panels(module: ir.Module, panels: Panels, elements: Elements, lanes: int) -> ir.Function:
    """Define `void (ptr matrix, ptr panels, i64 depth, i64 count)` in a module."""
    function = define_inner(module, "pack", [POINTER, POINTER, INDEX, INDEX], disjoint=2)
    code = Code(function, elements, lanes)
    matrix, first, depth, count = function.args
    panel = panels.panel
    with code.loop(0, depth, panel.terms) as term:
        source, place = code.at(matrix, code.multiply(term, panel.along)), _place(code, panel, first, term)
        with code.loop(0, count) as number:
            at = code.at(source, code.multiply(number, panel.width))
            _copy_term(code, panel, term, at, code.at_number(place, code.multiply(number, panels.numbers)))
    code.builder.ret_void()
    return function


def _copy_terms(code: Code, panel: Panel) -> None:
    matrix, copy, depth = code.function.args
    with code.loop(0, depth, panel.terms) as term:
        source = code.at(matrix, code.multiply(term, panel.along))
        _copy_term(code, panel, term, source, _place(code, panel, copy, term))


def _copy_term(code: Code, panel: Panel, term: ir.Value, source: ir.Value, place: ir.Value) -> None:
    depth = code.function.args[2]
    for begin in range(0, panel.padded, code.lanes):
        mask = code.first_lanes(panel.width - begin)
        at = code.at(source, begin)
        vector = code.load_vector(at, mask)
        if panel.terms == 2:
            there = code.splat(code.is_less(code.add(term, 1), depth))
            both = there if mask is None else code.builder.and_(there, mask)
            vector = code.pair(vector, code.load_vector(code.at(at, panel.along), both), code.lanes)
        _store(code, panel, vector, code.at_number(place, begin), panel.padded - begin)


def _store(code: Code, panel: Panel, vector: ir.Value, pointer: ir.Value, count: int) -> None:
    """Write a vector of a term's numbers; where terms have no whole vectors, `count` of them at most."""
    if panel.padded % code.lanes == 0:
        code.store_numbers(vector, pointer)
    else:
        code.store_first_numbers(vector, pointer, count)


def _place(code: Code, panel: Panel, copy: ir.Value, term: ir.Value) -> ir.Value:
    """Where the numbers of a term, the first of its pair, stand in a panel."""
    return code.at_number(copy, code.multiply(code.split(term, panel.terms)[0], panel.padded))


def _transpose(code: Code, panel: Panel) -> None:
    """Square blocks of as many numbers as a vector has elements are transposed in registers."""
    _, _, depth = code.function.args
    whole, rest = divmod(panel.width, code.lanes)
    with code.loop(0, depth, code.lanes * panel.terms) as term:
        left = code.builder.sub(depth, term)
        with code.loop(0, whole * code.lanes, code.lanes) as begin:
            _transpose_block(code, panel, term, begin, code.lanes, left)
        if rest:
            _transpose_block(code, panel, term, whole * code.lanes, rest, left)


def _transpose_block(code: Code, panel: Panel, term: ir.Value, begin: Index, width: int, left: ir.Value) -> None:
    """Transpose a block of which `left` terms are there."""
    source = code.at(code.function.args[0], code.add(term, code.multiply(begin, panel.across)))
    place = code.at_number(_place(code, panel, code.function.args[1], term), begin)
    zero = ir.Constant(code.vector, None)
    mask = code.first_lanes(left)

    def row(number: int) -> ir.Value:
        at = code.at(source, number * panel.across)
        return code.load_vector(at, mask) if panel.terms == 1 else code.load_pairs(at, left)

    block = [row(lane) if lane < width else zero for lane in range(code.lanes)]
    for number, vector in enumerate(transposed(code, block)):
        _store(code, panel, vector, code.at_number(place, number * panel.padded), width)


def transposed(code: Code, block: list[ir.Value]) -> list[ir.Value]:
    """The columns of a square block of rows of one vector each: quarters change places, in halves of halves."""
    lanes = range(code.lanes)
    half = code.lanes // 2
    while half:
        upper = [lane if lane & half == 0 else code.lanes + lane - half for lane in lanes]
        lower = [lane + half if lane & half == 0 else code.lanes + lane for lane in lanes]
        moved = list(block)
        for row in lanes:
            if row & half == 0:
                moved[row] = code.shuffle(block[row], block[row + half], upper)
                moved[row + half] = code.shuffle(block[row], block[row + half], lower)
        block = moved
        half //= 2
    return block


def _gather(code: Code, panel: Panel) -> None:
    matrix, _, depth = code.function.args
    zero = code.elements.wide.type(0.0)
    with code.loop(0, depth, panel.terms) as term:
        source = code.at(matrix, code.multiply(term, panel.along))
        place = _place(code, panel, code.function.args[1], term)
        with code.loop(0, panel.width) as lane:
            at = code.at(source, code.multiply(lane, panel.across))
            number = code.load(at)
            if panel.terms == 2:
                there = code.is_less(code.add(term, 1), depth)
                second = code.load(code.builder.select(there, code.at(at, panel.along), at))
                number = code.pair(number, code.builder.select(there, second, zero))
            code.builder.store(number, code.at_number(place, lane))
        with code.loop(panel.width, panel.padded) as lane:
            code.builder.store(zero, code.at_number(place, lane))
