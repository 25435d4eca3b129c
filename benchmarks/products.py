"""`python -m benchmarks.products`: matrix products of the native engine beside those of BLAS libraries.

NumPy's BLAS is always there, by `matmul` into an array that exists; MKL where `pip install mkl` put it. All multiply
the same float32 matrices on one thread, in turns: with more, those of one library, which wait for work, would take the
cores from the next.
"""

import ctypes
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

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

Matrix = np.ndarray[Any, np.dtype[np.float32]]


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

    def operands(self) -> tuple[Matrix, Matrix]:
        """The matrices, as they lie in memory."""
        rng = np.random.default_rng(0)
        left = (self.depth, self.rows) if self.left_transposed else (self.rows, self.depth)
        right = (self.columns, self.depth) if self.right_transposed else (self.depth, self.columns)
        batch = (self.batches,) if self.batches > 1 else ()
        return rng.standard_normal((*batch, *left), np.float32), rng.standard_normal((*batch, *right), np.float32)

    def result(self) -> Matrix:
        """Memory for the result."""
        return np.zeros((*((self.batches,) if self.batches > 1 else ()), self.rows, self.columns), np.float32)


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


def ours(product: Product, left: Matrix, right: Matrix, result: Matrix) -> Multiply:
    """The native engine's, which reads and writes the arrays where they lie."""
    with asg.graph("product") as g:
        a, b = asg.input("a", left.shape), asg.input("b", right.shape)
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
        self._one, self._many = loaded.cblas_sgemm, loaded.cblas_sgemm_batch_strided
        self._one.argtypes = [*head, pointer, integer, pointer, integer, scale, pointer, integer]
        strided = [pointer, integer, integer]
        self._many.argtypes = [*head, *strided, *strided, scale, *strided, integer]

    def __call__(self, product: Product, left: Matrix, right: Matrix, result: Matrix) -> Multiply:
        """MKL's."""
        batches, rows, depth, columns, *transposed = product
        shape = (_ROW_MAJOR, *(_TRANSPOSED if flag else _AS_IT_LIES for flag in transposed), rows, columns, depth, 1.0)
        a, b, c = (array.ctypes.data for array in (left, right, result))
        widths = left.shape[-1], right.shape[-1], columns
        if batches == 1:
            one = (*shape, a, widths[0], b, widths[1], 0.0, c, columns)
            return lambda: self._one(*one)
        places = [(a, widths[0], rows * depth), (b, widths[1], depth * columns), (c, columns, rows * columns)]
        many = (*shape, *places[0], *places[1], 0.0, *places[2], batches)
        return lambda: self._many(*many)


def find_mkl() -> Path | None:
    """MKL's library in this Python's environment, if it is installed there."""
    return next(iter(sorted(Path(sys.prefix, "lib").glob("libmkl_rt.so*"))), None)


def compare(product: Product, makers: Sequence[Callable[..., Multiply]]) -> list[float]:
    """The medians of billions of operations in a second, of each of several ways to multiply.

    Raises:
        AssertionError: their results differ.
    """
    left, right = product.operands()
    results = [product.result() for _ in makers]
    calls = [make(product, left, right, result) for make, result in zip(makers, results, strict=True)]
    rates: list[list[float]] = [[] for _ in makers]
    for _ in range(_ROUNDS):
        for call, found in zip(calls, rates, strict=True):
            found.append(product.operations / _seconds(call) / 1e9)
    for result in results[1:]:
        np.testing.assert_allclose(result, results[0], rtol=1e-3, atol=1e-4 * product.depth)
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


def main() -> None:
    """Print the rates of the native engine's products and of those of BLAS libraries, in billions of operations."""
    set_blas_threads(1)
    library = find_mkl()
    makers: dict[str, Callable[..., Multiply]] = {"ASG": ours, "NumPy's BLAS": numpys}
    if library is not None:
        makers["MKL"] = Mkl(library)
    title = "Products of float32 on one thread: medians of GFLOP/s"
    table = Table("product", title=title, title_justify="left", box=SIMPLE)
    for name in makers:
        table.add_column(name, justify="right")
    for name in list(makers)[1:]:
        table.add_column(f"ASG / {name}", justify="right")
    for product in PRODUCTS:
        own, *others = compare(product, list(makers.values()))
        table.add_row(str(product), *(f"{rate:.0f}" for rate in (own, *others)), *(f"{own / it:.2f}" for it in others))
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    console.print(table)
    if library is None:
        console.print("MKL is not installed in this environment; pip install mkl puts it there.")


if __name__ == "__main__":
    typer.run(main)
