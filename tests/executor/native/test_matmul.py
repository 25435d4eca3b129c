"""Native matrix products against NumPy's in double precision, for any shapes and strides, without a read too far."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asg_executor.engines.native.compilation import VectorUnit, vector_unit
from asg_executor.engines.native.matmul.dots import DotSpec
from asg_executor.engines.native.matmul.elements import Elements
from asg_executor.engines.native.matmul.matrices import Matrices, Matrix
from asg_executor.engines.native.matmul.spec import MatmulSpec, matmul_spec
from asg_executor.engines.native.matmul.tiling import Tiles, choose_tiling
from asg_executor.engines.native.team import Team
from asg_executor.plan.arrays import Array, dtype_of
from asg_schema.dtype import DType
from executor.native.checked_running import bordered, run_kernel
from executor.native.guarded import Guarded

SHAPES = [  # rows, depth, columns
    (1, 1, 1),
    (1, 4, 16),
    (3, 5, 7),
    (14, 8, 32),
    (15, 9, 33),
    (29, 400, 17),
    (64, 31, 100),
    (2, 800, 3),
    (100, 3, 2),
    (1, 784, 130),
    (130, 16, 48),
    (70, 96, 40),
]

_HALF_EPSILON = {"float16": 2.0**-11, "bfloat16": 2.0**-8}


def matrices(a: Array, b: Array) -> Matrices:
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])

    def matrix(array: Array) -> Matrix:
        whole = np.broadcast_to(array, batch + array.shape[-2:])
        *outer, row, column = (stride // array.itemsize for stride in whole.strides)
        return Matrix(tuple(outer), row, column)

    return Matrices(batch, a.shape[-2], b.shape[-1], a.shape[-1], matrix(a), matrix(b))


def product(a: Array, b: Array, parts: int = 1, team: Team | None = None, result: Array | None = None) -> Array:
    spec = matmul_spec(dtype_of(a) or DType.FLOAT32, matrices(a, b), parts)
    shape = (*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1])
    result = bordered(np.full(shape, np.nan, a.dtype)) if result is None else result
    arguments = (a.ctypes.data, b.ctypes.data, result.ctypes.data)
    run_kernel(spec, arguments, [a, b], [result], min(parts, spec.units), team)
    return result


def check(a: Array, b: Array, found: Array) -> None:
    """Each of the terms and of their sums is rounded once: at most depth + 1 roundings."""
    exact = np.matmul(a.astype(np.float64), b.astype(np.float64))
    size = np.matmul(np.abs(a).astype(np.float64), np.abs(b).astype(np.float64))
    bound = (a.shape[-1] + 1) * np.finfo(a.dtype).eps / 2
    if a.dtype == np.float64:
        bound *= 2  # NumPy's product is no better
    assert (np.abs(found - exact) <= bound * size).all()


def random(*shape: int, dtype: str = "float32", seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("order", ["NN", "NT", "TN", "TT"])
@pytest.mark.parametrize("shape", SHAPES)
def test_products_are_as_exact_as_their_roundings_allow(shape: tuple[int, int, int], order: str, dtype: str) -> None:
    rows, depth, columns = shape
    a = random(rows, depth, dtype=dtype) if order[0] == "N" else random(depth, rows, dtype=dtype).T
    b = random(depth, columns, dtype=dtype) if order[1] == "N" else random(columns, depth, dtype=dtype).T
    check(a, b, product(a, b))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((3, 5, 7), (3, 7, 9)),
        ((2, 3, 5, 7), (7, 9)),
        ((5, 7), (2, 3, 7, 9)),
        ((2, 1, 5, 7), (3, 7, 9)),
        ((4, 1, 7), (7, 9)),
        ((2, 3, 1, 7), (2, 1, 7, 9)),
    ],
)
def test_batches_broadcast(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    a, b = random(*left), random(*right, seed=1)
    check(a, b, product(a, b))


def test_heads_of_attention_are_read_where_they_lie() -> None:
    a, b = random(2, 16, 4, 8).transpose(0, 2, 1, 3), random(2, 16, 4, 8, seed=1).transpose(0, 2, 3, 1)
    check(a, b, product(a, b))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("order", ["NN", "NT", "TN", "TT"])
@pytest.mark.parametrize("shape", SHAPES)
def test_half_precision_is_rounded_once(shape: tuple[int, int, int], order: str, dtype: str) -> None:
    rows, depth, columns = shape
    a = random(rows, depth, dtype=dtype) if order[0] == "N" else random(depth, rows, dtype=dtype).T
    b = random(depth, columns, dtype=dtype) if order[1] == "N" else random(columns, depth, dtype=dtype).T
    wide = product(a.astype(np.float32), b.astype(np.float32))
    found = product(a, b).astype(np.float32)
    # The float32 sums of a long product are added in pieces, those of half precision one after another.
    bound = _HALF_EPSILON[dtype] * np.abs(wide) + 2e-7 * depth * np.matmul(
        *(np.abs(x).astype(np.float32) for x in (a, b))
    )
    assert (np.abs(found - wide) <= bound).all()
    unit = vector_unit()
    if depth <= 384 and not (dtype == "bfloat16" and (unit.multiplies_pairs or unit.multiplies_tiles)):
        assert (found == wide.astype(a.dtype).astype(np.float32)).all()


UNIT = vector_unit()
PAIRS = pytest.param(
    replace(UNIT, multiplies_tiles=False),
    marks=pytest.mark.skipif(not UNIT.multiplies_pairs, reason="the processor has no AVX512-BF16"),
    id="AVX512-BF16",
)
TILES = pytest.param(
    UNIT, marks=pytest.mark.skipif(not UNIT.multiplies_tiles, reason="the processor has no AMX"), id="AMX"
)


@pytest.mark.parametrize("unit", [PAIRS, TILES])
@pytest.mark.parametrize("order", ["NN", "NT", "TN", "TT"])
@pytest.mark.parametrize("shape", SHAPES)
def test_terms_that_are_added_together_give_what_single_ones_give(
    shape: tuple[int, int, int], order: str, unit: VectorUnit, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, depth, columns = shape
    a, b = (random(*size, dtype="bfloat16") for size in ((2 * rows, 3 * depth), (3 * depth, 2 * columns)))
    a = a[::2, ::3] if order[0] == "N" else np.asfortranarray(a[::2, :depth])
    b = b[::3, ::2] if order[1] == "N" else np.asfortranarray(b[:depth, ::2])
    found = product_by(unit, a, b, monkeypatch)
    expected = product_by(VectorUnit(UNIT.bytes, UNIT.registers), a, b, monkeypatch)
    size = np.matmul(*(np.abs(x).astype(np.float32) for x in (a, b)))
    # Either sum is rounded to float32 at each term, and once to bfloat16.
    assert (np.abs(found - expected) <= 2 * _HALF_EPSILON["bfloat16"] * np.abs(expected) + 2e-7 * depth * size).all()


def product_by(unit: VectorUnit, a: Array, b: Array, patch: pytest.MonkeyPatch) -> Array:
    """The product as a processor with these vectors computes it."""
    patch.setattr("asg_executor.engines.native.matmul.spec.vector_unit", lambda: unit)
    return product(a, b).astype(np.float32)


@pytest.mark.parametrize("unit", [PAIRS, TILES])
@pytest.mark.parametrize("depth", [64, 70])
def test_rows_may_be_reversed_or_repeated(depth: int, unit: VectorUnit, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = random(40, depth, dtype="bfloat16"), random(depth, 50, dtype="bfloat16", seed=1)
    reversed_rows = product_by(unit, a[::-1], b, monkeypatch)
    assert (reversed_rows == product_by(unit, a, b, monkeypatch)[::-1]).all()
    repeated = product_by(unit, np.broadcast_to(a[:1], (40, depth)), b, monkeypatch)
    assert (repeated == reversed_rows[-1]).all()


@pytest.mark.parametrize("unit", [PAIRS, TILES])
def test_terms_that_are_added_together_take_subnormal_numbers_for_zero(
    unit: VectorUnit, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny, large = np.full((5, 8), 1e-39, "bfloat16"), np.full((8, 20), 1e30, "bfloat16")
    assert tiny.astype(np.float32).min() > 0
    assert (product_by(unit, tiny, large, monkeypatch) == 0).all()


@pytest.mark.parametrize("unit", [PAIRS, TILES])
def test_the_parts_do_not_change_a_bit_of_half_precision(unit: VectorUnit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asg_executor.engines.native.matmul.spec.vector_unit", lambda: unit)
    a, b = random(3, 100, 200, dtype="bfloat16"), random(3, 200, 90, dtype="bfloat16", seed=1)
    expected = product(a, b)
    team = Team(2)
    for parts in (1, 2, 4, 6):
        assert (product(a, b, parts, team) == expected).all()
    team.stop()


def test_half_precision_overflows_as_it_is_rounded_and_keeps_what_is_no_number() -> None:
    for dtype in ("float16", "bfloat16"):
        a = np.array([[3e38 if dtype == "bfloat16" else 60000, np.nan, -np.inf, 1e-7]], dtype).T
        found = product(a, np.array([[1.5, 1, 1.0078125]], dtype)).astype(np.float32)
        with np.errstate(over="ignore"):
            expected = (a.astype(np.float32) @ np.array([[1.5, 1, 1.0078125]], np.float32)).astype(a.dtype)
        assert np.array_equal(found, expected.astype(np.float32), equal_nan=True)


@pytest.mark.parametrize("strided", ["left", "right"])
def test_any_strides_will_do(strided: str) -> None:
    base = random(40, 60)
    views = [
        base[::3, ::2][:13, :29],
        base[::-1, ::-1][:13, :29],
        base.T[5:18, ::-1][:, 2:31],
        np.broadcast_to(base[0, :29], (13, 29)),
    ]
    for view in views:
        other = random(29, 21) if strided == "left" else random(21, 13)
        a, b = (view, other) if strided == "left" else (other, view)
        check(a, b, product(a, b))


def test_products_of_one_right_matrix_are_one_product() -> None:
    simple = matrices(random(4, 3, 5, 7), random(7, 9)).simplified()
    assert (simple.batch, simple.rows) == ((), 60)
    turned = matrices(random(4, 5, 3, 7).transpose(0, 2, 1, 3), random(7, 9)).simplified()
    assert (turned.batch, turned.rows) == ((4, 3), 5)
    apart = matrices(random(4, 3, 5, 7), random(4, 3, 7, 9)).simplified()
    assert (apart.batch, apart.rows) == ((12,), 5)


@pytest.mark.parametrize("shape", [(300, 40, 50), (20, 40, 500), (5, 900, 33), (2, 3, 4)])
@pytest.mark.parametrize("batch", [(), (3,), (20,)])
def test_the_parts_and_the_threads_do_not_change_a_bit(shape: tuple[int, int, int], batch: tuple[int, ...]) -> None:
    rows, depth, columns = shape
    a, b = random(*batch, rows, depth), random(*batch, depth, columns, seed=1)
    expected = product(a, b)
    for threads in (2, 3):
        team = Team(threads)
        for parts in (1, 2, 4):
            assert (product(a, b, parts, team) == expected).all()
        team.stop()


def test_work_is_divided_into_as_many_units_as_parts() -> None:
    unit = VectorUnit(64, 32)
    for a, b in [
        (random(1024, 256), random(256, 256)),
        (random(8, 784), random(784, 512)),
        (random(3, 64, 64), random(3, 64, 64)),
    ]:
        for parts in (2, 4, 6):
            tiling = choose_tiling(matrices(a, b), parts, unit, Elements(DType.FLOAT32))
            units = tiling.row_blocks * tiling.column_blocks * (a.shape[0] if a.ndim == 3 else 1)
            assert units % parts == 0


def test_not_a_number_and_infinity_go_where_they_go_in_numpy() -> None:
    a, b = random(20, 40), random(40, 35, seed=1)
    a[3, 5], a[7, 9], b[11, 34], b[0, 3], a[19, 0] = np.nan, np.inf, -np.inf, 0, np.inf
    with np.errstate(invalid="ignore"):
        expected = np.matmul(a, b)
    found = product(a, b)
    finite = np.isfinite(expected)
    assert (np.isnan(found) == np.isnan(expected)).all()
    assert (found[~finite & ~np.isnan(expected)] == expected[~finite & ~np.isnan(expected)]).all()
    assert np.allclose(found[finite], expected[finite], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("extent", "most"), [(1, 1), (14, 14), (15, 14), (100, 14), (29, 9)])
def test_tiles_are_balanced(extent: int, most: int) -> None:
    tiles = Tiles.balanced(extent, most)
    assert tiles.large * tiles.size + (tiles.count - tiles.large) * (tiles.size - 1) == extent
    assert tiles.size <= most
    assert 1 <= tiles.large <= tiles.count


@pytest.mark.skipif(sys.platform != "linux", reason="memory is protected otherwise there")
@pytest.mark.parametrize("end", [False, True])
@pytest.mark.parametrize("order", ["NN", "NT", "TN", "TT"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_nothing_is_read_or_written_beside_the_matrices(
    dtype: str, shape: tuple[int, int, int], order: str, end: bool
) -> None:
    rows, depth, columns = shape
    a = random(rows, depth, dtype=dtype) if order[0] == "N" else random(depth, rows, dtype=dtype)
    b = random(depth, columns, dtype=dtype) if order[1] == "N" else random(columns, depth, dtype=dtype)
    c = np.zeros((rows, columns), dtype)
    left, right, result = (Guarded(array.nbytes, end=end).array(array) for array in (a, b, c))
    product(left if order[0] == "N" else left.T, right if order[1] == "N" else right.T, result=result)
    if dtype == "float32":
        check(a if order[0] == "N" else a.T, b if order[1] == "N" else b.T, result)
    else:
        assert np.isfinite(result.astype(np.float32)).all()


dims = st.integers(1, 40)


@settings(max_examples=40)
@given(
    batch=st.lists(st.integers(1, 3), max_size=2),
    shape=st.tuples(dims, st.one_of(dims, st.integers(380, 800)), dims),
    turned=st.tuples(st.booleans(), st.booleans()),
    single=st.booleans(),
    parts=st.integers(1, 3),
)
def test_any_products(
    batch: list[int], shape: tuple[int, int, int], turned: tuple[bool, bool], single: bool, parts: int
) -> None:
    rows, depth, columns = shape
    dtype = "float32" if single else "float64"
    a = (
        random(*batch, depth, rows, dtype=dtype).swapaxes(-1, -2)
        if turned[0]
        else random(*batch, rows, depth, dtype=dtype)
    )
    b = random(columns, depth, dtype=dtype).T if turned[1] else random(depth, columns, dtype=dtype)
    check(a, b, product(a, b, parts))


def test_equal_products_have_equal_specs() -> None:
    a, b = random(4, 8, 16), random(16, 8)
    first, second = (matmul_spec(DType.FLOAT32, matrices(a, b), 2) for _ in range(2))
    assert isinstance(first, MatmulSpec)
    assert repr(first) == repr(second)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("shape", [(1, 784, 512), (3, 100, 33), (50, 130, 1), (17, 64, 2), (1, 400, 1), (2, 32, 9)])
def test_few_rows_or_columns_are_sums_of_neighbours(shape: tuple[int, int, int], dtype: str) -> None:
    rows, depth, columns = shape
    a, b = random(rows, depth, dtype=dtype), random(columns, depth, dtype=dtype).T
    spec = matmul_spec(dtype_of(a) or DType.FLOAT32, matrices(a, b), 2)
    assert isinstance(spec, DotSpec)
    assert spec.units > 1 or min(shape[0], shape[2]) == max(shape[0], shape[2])
    found = product(a, b)
    if dtype == "float16":
        wide = np.matmul(a.astype(np.float64), b.astype(np.float64))
        assert np.allclose(found.astype(np.float64), wide, rtol=1e-3, atol=1e-3 * depth**0.5)
    else:
        check(a, b, found)
    team = Team(2)
    for parts in (2, 3):
        assert (product(a, b, parts, team) == found).all()
    team.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="memory is protected otherwise there")
@pytest.mark.parametrize("end", [False, True])
@pytest.mark.parametrize("shape", [(1, 70, 20), (20, 39, 3), (2, 32, 9)])
def test_sums_of_neighbours_read_nothing_beside_the_matrices(shape: tuple[int, int, int], end: bool) -> None:
    rows, depth, columns = shape
    arrays = random(rows, depth), random(columns, depth, seed=1), np.zeros((rows, columns), np.float32)
    a, b, c = (Guarded(array.nbytes, end=end).array(array) for array in arrays)
    product(a, b.T, result=c)
    check(arrays[0], arrays[1].T, c)


def test_batches_of_single_rows_have_their_own_matrices() -> None:
    a, b = random(3, 4, 1, 50), random(3, 1, 60, 50, seed=1).swapaxes(-1, -2)
    check(a, b, product(a, b))
