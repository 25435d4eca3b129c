"""Copies of pieces of a matrix in the order in which a product reads them.

A *panel* has for each of `depth` steps the `width` elements of a tile, one after another: of the right matrix for each
row its columns, of the left matrix for each column its rows.
"""

from dataclasses import dataclass

from llvmlite import ir

from asg_executor.engines.native.kernel_spec import define_inner
from asg_executor.engines.native.matmul.code import INDEX, POINTER, Code, Index
from asg_executor.engines.native.matmul.elements import Elements

__all__ = ["Panel", "define_packing"]


@dataclass(frozen=True)
class Panel:
    """A panel and where its elements come from. Strides count elements.

    Attributes:
        width: how many elements of a step are copied.
        padded: how many a step has in the panel, whole vectors; those that are not copied are 0.
        across: between two elements of a step in the matrix.
        along: between two steps in the matrix.
    """

    width: int
    padded: int
    across: int
    along: int


def define_packing(module: ir.Module, panel: Panel, elements: Elements, lanes: int) -> ir.Function:
    """Define `void (ptr matrix, ptr panel, i64 depth)` in a module.

    Where steps are neighbours in the matrix, the panel gets further ones up to whole vectors, which are 0.
    """
    function = define_inner(module, "pack", [POINTER, POINTER, INDEX], disjoint=2)
    code = Code(function, elements, lanes)
    if panel.across == 1:
        _copy_steps(code, panel)
    elif panel.along == 1:
        _transpose(code, panel)
    else:
        _gather(code, panel)
    code.builder.ret_void()
    return function


def _copy_steps(code: Code, panel: Panel) -> None:
    matrix, target, depth = code.function.args
    with code.loop(0, depth) as step:
        source = code.at(matrix, code.multiply(step, panel.along))
        place = code.at_number(target, code.multiply(step, panel.padded))
        for begin in range(0, panel.padded, code.lanes):
            vector = code.load_vector(code.at(source, begin), code.first_lanes(panel.width - begin))
            code.store_numbers(vector, code.at_number(place, begin))


def _transpose(code: Code, panel: Panel) -> None:
    """Square blocks of as many steps as a vector has elements are transposed in registers."""
    _, _, depth = code.function.args
    whole, rest = divmod(panel.width, code.lanes)
    with code.loop(0, depth, code.lanes) as step:
        mask = code.first_lanes(code.builder.sub(depth, step))
        with code.loop(0, whole * code.lanes, code.lanes) as begin:
            _transpose_block(code, panel, step, begin, code.lanes, mask)
        if rest:
            _transpose_block(code, panel, step, whole * code.lanes, rest, mask)


def _transpose_block(code: Code, panel: Panel, step: Index, begin: Index, width: int, mask: ir.Value | None) -> None:
    matrix, target, _ = code.function.args
    source = code.at(matrix, code.add(step, code.multiply(begin, panel.across)))
    place = code.at_number(target, code.add(code.multiply(step, panel.padded), begin))
    zero = ir.Constant(code.vector, None)
    block = [
        code.load_vector(code.at(source, lane * panel.across), mask) if lane < width else zero
        for lane in range(code.lanes)
    ]
    for number, vector in enumerate(_transposed(code, block)):
        code.store_numbers(vector, code.at_number(place, number * panel.padded))


def _transposed(code: Code, block: list[ir.Value]) -> list[ir.Value]:
    """The columns of a square block of rows: quarters change places, in halves of halves."""
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
    matrix, target, depth = code.function.args
    zero = code.elements.wide.type(0.0)
    with code.loop(0, depth) as step:
        source = code.at(matrix, code.multiply(step, panel.along))
        place = code.at_number(target, code.multiply(step, panel.padded))
        with code.loop(0, panel.width) as lane:
            code.builder.store(
                code.load(code.at(source, code.multiply(lane, panel.across))), code.at_number(place, lane)
            )
        with code.loop(panel.width, panel.padded) as lane:
            code.builder.store(zero, code.at_number(place, lane))
