"""`python -m benchmarks.products`: matrix products of the native engine beside those of BLAS libraries.

NumPy's BLAS is always there, by `matmul` into an array that exists; MKL where `pip install mkl` put it. All multiply
the same matrices on one thread, in turns: with more, those of one library, which wait for work, would take the cores
from the next.

With `--dtype bfloat16` it is MKL alone, since NumPy's BLAS has no such products; its results are float32, ours
bfloat16, and it has no call for many products.
"""

import ctypes
import sys
import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from statistics import median
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

import asg_builder as asg
from asg_executor.blas import set_blas_threads
from asg_executor.engines.lookup import engine_named

_ROUNDS = 5
_ROUND_SECONDS = 0.1
_LEAST_CALLS = 3
_ROW_MAJOR, _AS_IT_LIES, _TRANSPOSED = 101, 111, 112  # of CBLAS
_SEQUENTIAL_LAYER = 1  # of MKL
_WIDTH = 160  # where it is no terminal

_TOLERANCES = {"float32": 1e-3, "bfloat16": 1e-2}

Matrix = np.ndarray[Any, np.dtype[Any]]


class Product(NamedTuple):
    """A float32 product, or several of one shape.

    Attributes:
        batches: how many there are.
        rows: the rows of each result.
        depth: the terms of each sum.
        columns: the columns of each result.
        left_transposed: whether the left matrix lies in memory by columns.
        right_transposed: whether the right one does.
    """

    batches: int
    rows: int
    depth: int
    columns: int
    left_transposed: bool = False
    right_transposed: bool = False

    def __str__(self) -> str:
        left, right = (" transposed" if flag else "" for flag in self[4:])
        batches = f"{self.batches} x " if self.batches > 1 else ""
        return f"{batches}[{self.rows}, {self.depth}]{left} · [{self.depth}, {self.columns}]{right}"

    @property
    def operations(self) -> int:
        """Multiplications and additions."""
        return 2 * self.batches * self.rows * self.depth * self.columns

    def operands(self, dtype: str) -> tuple[Matrix, Matrix]:
        """The matrices, as they lie in memory."""
        rng = np.random.default_rng(0)
        left = (self.depth, self.rows) if self.left_transposed else (self.rows, self.depth)
        right = (self.columns, self.depth) if self.right_transposed else (self.depth, self.columns)
        batch = (self.batches,) if self.batches > 1 else ()
        first, second = (rng.standard_normal((*batch, *shape), np.float32) for shape in (left, right))
        return first.astype(dtype), second.astype(dtype)

    def result(self, dtype: str) -> Matrix:
        """Memory for the result."""
        return np.zeros((*((self.batches,) if self.batches > 1 else ()), self.rows, self.columns), dtype)


_SIZES = (
    (1, 512, 128, 128),
    (1, 512, 128, 512),
    (1, 128, 784, 512),
    (1, 1024, 256, 256),
    (1, 1024, 256, 1024),
    (1, 1024, 1024, 256),
    (64, 128, 32, 128),
    (64, 128, 128, 32),
    (1, 1024, 1024, 1024),
    (1, 4096, 1024, 1024),
    (1, 2048, 2048, 2048),
)
PRODUCTS = tuple(Product(*size, *flags) for size in _SIZES for flags in ((False, False), (False, True), (True, False)))
"""Those of the workloads' layers, their gradients and attention, and some large ones."""

Multiply = Callable[[], object]


class Way(NamedTuple):
    """A way to multiply.

    Attributes:
        name: whose it is.
        make: makes what multiplies once, of a product, its operands, and memory for the result.
        results: the dtype of its results.
    """

    name: str
    make: Callable[[Product, Matrix, Matrix, Matrix], Multiply]
    results: str


def ours(product: Product, left: Matrix, right: Matrix, result: Matrix) -> Multiply:
    """The native engine's, which reads and writes the arrays where they lie."""
    with asg.graph("product") as g:
        a, b = (asg.input(name, array.shape, array.dtype.name) for name, array in (("a", left), ("b", right)))
        x = asg.matrix_transpose(a) if product.left_transposed else a
        y = asg.matrix_transpose(b) if product.right_transposed else b
        g.output(c=asg.matmul(x, y))
    bound = {"a": left, "b": right}
    executable = engine_named("native").compile(g.document(), {}, bound=bound, destinations={"c": result})
    return lambda: executable({})


def numpys(product: Product, left: Matrix, right: Matrix, result: Matrix) -> Multiply:
    """NumPy's, by the BLAS that it brings."""
    a = left.swapaxes(-1, -2) if product.left_transposed else left
    b = right.swapaxes(-1, -2) if product.right_transposed else right
    return lambda: np.matmul(a, b, out=result)


class Mkl:
    """MKL, loaded from where pip installs it.

    Args:
        library: the file `libmkl_rt.so`, of any version.
    """

    def __init__(self, library: Path) -> None:
        loaded = ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
        loaded.MKL_Set_Threading_Layer(_SEQUENTIAL_LAYER)
        integer, scale, pointer = ctypes.c_int, ctypes.c_float, ctypes.c_void_p
        head = [integer] * 6 + [scale]
        single = [*head, pointer, integer, pointer, integer, scale, pointer, integer]
        strided = [pointer, integer, integer]
        self._singles = {"float32": loaded.cblas_sgemm, "bfloat16": loaded.cblas_gemm_bf16bf16f32}
        for function in self._singles.values():
            function.argtypes = single
        self._many = loaded.cblas_sgemm_batch_strided
        self._many.argtypes = [*head, *strided, *strided, scale, *strided, integer]

    def __call__(self, product: Product, left: Matrix, right: Matrix, result: Matrix) -> Multiply:
        """MKL's; the result is float32. Of bfloat16 there is one product only."""
        batches, rows, depth, columns, *transposed = product
        shape = (_ROW_MAJOR, *(_TRANSPOSED if flag else _AS_IT_LIES for flag in transposed), rows, columns, depth, 1.0)
        a, b, c = (array.ctypes.data for array in (left, right, result))
        widths = left.shape[-1], right.shape[-1], columns
        if batches == 1:
            function = self._singles[left.dtype.name]
            one = (*shape, a, widths[0], b, widths[1], 0.0, c, columns)
            return lambda: function(*one)
        places = [(a, widths[0], rows * depth), (b, widths[1], depth * columns), (c, columns, rows * columns)]
        many = (*shape, *places[0], *places[1], 0.0, *places[2], batches)
        return lambda: self._many(*many)


def find_mkl() -> Path | None:
    """MKL's library in this Python's environment, if it is installed there."""
    return next(iter(sorted(Path(sys.prefix, "lib").glob("libmkl_rt.so*"))), None)


def compare(product: Product, ways: Sequence[Way], dtype: str = "float32") -> list[float]:
    """The medians of billions of operations in a second, of each of several ways to multiply.

    Args:
        product: what is multiplied.
        ways: how.
        dtype: that of the operands.

    Raises:
        AssertionError: their results differ.
    """
    left, right = product.operands(dtype)
    results = [product.result(way.results) for way in ways]
    calls = [way.make(product, left, right, result) for way, result in zip(ways, results, strict=True)]
    rates: list[list[float]] = [[] for _ in ways]
    for _ in range(_ROUNDS):
        for call, found in zip(calls, rates, strict=True):
            found.append(product.operations / _seconds(call) / 1e9)
    first, *others = (result.astype(np.float32) for result in results)
    tolerance = _TOLERANCES[dtype]
    for other in others:
        np.testing.assert_allclose(other, first, rtol=tolerance, atol=0.1 * tolerance * product.depth)
    return list(map(median, rates))


def _seconds(call: Multiply) -> float:
    """The median duration of some calls, after one that is not timed."""
    call()
    taken: list[float] = []
    while len(taken) < _LEAST_CALLS or sum(taken) < _ROUND_SECONDS:
        begin = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begin)
    return median(taken)


class OperandType(StrEnum):
    """The dtypes of operands."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


def main(
    dtype: Annotated[OperandType, typer.Option(help="The dtype of the matrices.")] = OperandType.FLOAT32,
) -> None:
    """Print the rates of the native engine's products and of those of BLAS libraries, in billions of operations."""
    set_blas_threads(1)
    library = find_mkl()
    ways = [Way("ASG", ours, dtype.value)]
    products = PRODUCTS
    if dtype is OperandType.FLOAT32:
        ways.append(Way("NumPy's BLAS", numpys, "float32"))
    else:
        products = tuple(product for product in PRODUCTS if product.batches == 1)
    if library is not None:
        ways.append(Way("MKL", Mkl(library), "float32"))
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    console.print(_table(products, ways, dtype.value))
    if library is None:
        console.print("MKL is not installed in this environment; pip install mkl puts it there.")


def _table(products: Sequence[Product], ways: Sequence[Way], dtype: str) -> Table:
    """The rates of each product, and their ratios."""
    title = f"Products of {dtype} on one thread: medians of GFLOP/s"
    table = Table("product", title=title, title_justify="left", box=SIMPLE)
    for way in ways:
        table.add_column(way.name, justify="right")
    for way in ways[1:]:
        table.add_column(f"{ways[0].name} / {way.name}", justify="right")
    for product in products:
        own, *others = compare(product, ways, dtype)
        table.add_row(str(product), *(f"{rate:.0f}" for rate in (own, *others)), *(f"{own / it:.2f}" for it in others))
    return table


if __name__ == "__main__":
    typer.run(main)
