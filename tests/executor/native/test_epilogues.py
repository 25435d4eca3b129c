"""Products with an epilogue give the bits that they give without one, wherever everything lies."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest

import asg_builder as asg
from asg_autograd import grad
from asg_builder import losses, nn
from asg_executor.engines.native.bounds.checked_engine import CheckedNativeEngine
from asg_executor.engines.native.native_engine import NativeEngine
from asg_executor.engines.native.plan import NativePlan, Product
from asg_executor.plan.arrays import Array, numpy_dtype
from asg_executor.plan.binding import bind_symbols
from asg_schema.document import Document
from asg_schema.dtype import DType
from asg_schema.tensor_type import TensorType

ENGINE, CHECKED = NativeEngine(), CheckedNativeEngine()
_PAIRS = "asg_executor.engines.native.plan.pair_epilogues"
_THREADS = "asg_executor.engines.native.native_engine.default_threads"

KINDS: dict[str, Callable[[asg.Tensor, asg.Tensor, asg.Tensor, asg.Tensor], asg.Tensor]] = {
    "bias": lambda p, row, column, same: p + row,
    "bias and relu": lambda p, row, column, same: asg.relu(p + row),
    "scale": lambda p, row, column, same: p * 0.125,
    "a factor for each row": lambda p, row, column, same: p * column,
    "residual": lambda p, row, column, same: p + row + same,
    "derivative of relu": lambda p, row, column, same: asg.where(same > 0, p, asg.zeros_like(p)),
    "product of products": lambda p, row, column, same: p * p * same,
    "turned": lambda p, row, column, same: p + asg.permute_dims(asg.permute_dims(same, (1, 0)), (1, 0)),
}


def values_of(document: Document, seed: int = 0) -> dict[str, Array]:
    """Numbers for all inputs; indices of one class for what are integers."""
    rng = np.random.default_rng(seed)

    def value(type: TensorType) -> Array:
        shape = tuple(size if isinstance(size, int) else 12 for size in type.shape)
        if type.dtype.is_floating:
            return rng.standard_normal(shape).astype(numpy_dtype(type.dtype))
        return rng.integers(0, 3, shape)

    return {item.id: value(item.type) for item in (*document.inputs, *document.parameters)}


def products(document: Document, given: Mapping[str, Array], contraction_dtype: DType | None = None) -> list[Product]:
    types = {item.id: item.type for item in (*document.inputs, *document.parameters)}
    plan = ENGINE.plan(document, bind_symbols(types, given), contraction_dtype=contraction_dtype)
    assert isinstance(plan, NativePlan)
    return [work for work in plan.works if isinstance(work, Product)]


def compute(
    engine: NativeEngine, document: Document, given: Mapping[str, Array], contraction_dtype: DType | None = None
) -> dict[str, bytes]:
    types = {item.id: item.type for item in (*document.inputs, *document.parameters)}
    executable = engine.compile(document, bind_symbols(types, given), contraction_dtype=contraction_dtype)
    executable(given)  # what the first call leaves behind is no excuse for the second
    return {name: array.tobytes() for name, array in executable(given).items()}


def no_pairs(groups: object, types: object) -> list[tuple[int, int]]:
    return []


def check(document: Document, given: Mapping[str, Array], contraction_dtype: DType | None = None) -> None:
    """With every access checked, and on any number of threads: the bits that there are without epilogues."""
    for threads in (2, 1, 3):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_THREADS, lambda threads=threads: threads)
            found = compute(ENGINE, document, given, contraction_dtype)
            if threads == 2:
                assert compute(CHECKED, document, given, contraction_dtype) == found
            patch.setattr(_PAIRS, no_pairs)
            assert compute(ENGINE, document, given, contraction_dtype) == found


def product_document(
    kind: str, shape: tuple[int, int, int], dtype: str = "float32", *, turned: str = "NN", keeps: bool = False
) -> Document:
    rows, depth, columns = shape
    with asg.graph("product") as g:
        left = asg.input("left", (rows, depth) if turned[0] == "N" else (depth, rows), dtype=dtype)
        right = asg.input("right", (depth, columns) if turned[1] == "N" else (columns, depth), dtype=dtype)
        row, column = asg.input("row", (columns,), dtype=dtype), asg.input("column", (rows, 1), dtype=dtype)
        same = asg.input("same", (rows, columns), dtype=dtype)
        product = (left if turned[0] == "N" else left.T) @ (right if turned[1] == "N" else right.T)
        g.output(y=KINDS[kind](product, row, column, same))
        if keeps:
            g.output(product=product)
    return g.document()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(129, 17, 129), (7, 800, 48), (300, 9, 17), (16, 64, 700)])
def test_each_kind_gives_the_bits_of_two_kernels(kind: str, shape: tuple[int, int, int]) -> None:
    document = product_document(kind, shape)
    given = values_of(document)
    assert len(products(document, given)) == 1
    check(document, given)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
@pytest.mark.parametrize("turned", ["NN", "NT", "TN", "TT"])
def test_each_dtype_and_order(dtype: str, turned: str) -> None:
    document = product_document("residual", (33, 400, 50), dtype, turned=turned)
    given = values_of(document)
    assert len(products(document, given)) == 1
    check(document, given)


def test_the_product_itself_is_there_where_it_is_needed() -> None:
    document = product_document("bias and relu", (40, 30, 50), keeps=True)
    given = values_of(document)
    (product,) = products(document, given)
    assert product.target == product.instruction.results[0]
    check(document, given)


def test_the_product_has_no_memory_of_its_own_where_only_its_epilogue_reads_it() -> None:
    document = product_document("bias and relu", (128, 64, 128))
    given = values_of(document)
    (product,) = products(document, given)
    assert product.target != product.instruction.results[0]
    read = sum(given[name].nbytes for name in ("left", "right", "row"))
    assert ENGINE.plan(document, {}).arena_bytes == read + 128 * 128 * 4


@pytest.mark.parametrize(
    ("left", "right"), [((3, 20, 16), (16, 40)), ((3, 20, 16), (3, 16, 40)), ((2, 3, 7, 16), (3, 16, 20))]
)
def test_batches(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    with asg.graph("batches") as g:
        product = asg.input("left", left) @ asg.input("right", right)
        shape = product.shape
        rows = asg.input("rows", (*shape[:-1], 1))
        first = asg.input("first", (shape[0], *[1] * (len(shape) - 1)))
        g.output(y=(product + asg.input("row", shape[-1:])) * rows + first, z=product * asg.input("same", shape))
    document = g.document()
    given = values_of(document)
    assert len(products(document, given)) == 1
    check(document, given)


def test_an_epilogue_in_another_shape() -> None:
    with asg.graph("heads") as g:
        product = asg.input("left", (6, 10, 32)) @ asg.input("right", (32, 48))
        heads = asg.reshape(product, (60, 4, 12)) + asg.input("bias", (4, 12))
        g.output(y=heads, z=heads * 2)
    document = g.document()
    given = values_of(document)
    assert len(products(document, given)) == 1
    check(document, given)


def test_of_two_products_the_last_one_has_the_epilogue() -> None:
    with asg.graph("gated") as g:
        x = asg.input("x", (40, 30))
        g.output(y=asg.relu(x @ asg.input("gate", (30, 50))) * (x @ asg.input("up", (30, 50))))
    document = g.document()
    given = values_of(document)
    assert len(products(document, given)) == 1
    check(document, given)


def read_turned(product: asg.Tensor, x: asg.Tensor) -> asg.Tensor:
    return product + asg.permute_dims(product, (1, 0))


def read_in_between(product: asg.Tensor, x: asg.Tensor) -> asg.Tensor:
    return asg.sum(product, axis=(1,), keepdims=True) @ x[:1] + product


def function(product: asg.Tensor, x: asg.Tensor) -> asg.Tensor:
    return asg.exp(product + x)


def reduction(product: asg.Tensor, x: asg.Tensor) -> asg.Tensor:
    return product - asg.max(product, axis=(1,), keepdims=True)


@pytest.mark.parametrize("build", [read_turned, read_in_between, function, reduction], ids=lambda item: item.__name__)
def test_what_is_no_epilogue(build: Callable[[asg.Tensor, asg.Tensor], asg.Tensor]) -> None:
    with asg.graph("apart") as g:
        x = asg.input("x", (48, 48))
        g.output(y=build(x @ asg.input("w", (48, 48)), x))
    document = g.document()
    given = values_of(document)
    assert all(len(product.group.members) == 1 for product in products(document, given)[1:])
    if build is not read_in_between:
        assert products(document, given) == []
    check(document, given)


@pytest.mark.parametrize("shape", [(20, 8, 15), (1, 80, 64), (20, 30, 1)])
def test_narrow_rows_and_single_ones_stay_apart(shape: tuple[int, int, int]) -> None:
    document = product_document("bias", shape)
    given = values_of(document)
    if shape[2] < 16:
        assert products(document, given) == []
    check(document, given)


@pytest.mark.parametrize("over", ["x", "same"])
def test_a_result_over_what_is_read(over: str) -> None:
    """An output whose memory is that of the product's operand, or of what the epilogue adds."""
    with asg.graph("step") as g:
        x, same = asg.input("x", (40, 40)), asg.input("same", (40, 40))
        g.output(y=x @ asg.input("w", (40, 40)) + same + x)
    document = g.document()
    given = values_of(document)
    (expected,) = (np.frombuffer(item, np.float32) for item in compute(ENGINE, document, given).values())
    for engine in (ENGINE, CHECKED):
        held = {name: array.copy() for name, array in given.items()}
        executable = engine.compile(document, {}, bound=held, destinations={"y": held[over]})
        executable({})
        assert held[over].tobytes() == expected.tobytes()


def test_what_is_no_number_goes_through() -> None:
    document = product_document("bias and relu", (20, 30, 40))
    given = values_of(document)
    given["left"][3, 4], given["left"][7, 0], given["row"][5] = np.nan, np.inf, -np.inf
    check(document, given)


def perceptron() -> Document:
    with asg.graph("perceptron") as g:
        x, labels = asg.input("x", (50, 40)), asg.input("labels", (50,), dtype="int64")
        y = nn.Sequential(nn.Linear(40, 64), nn.ReLU(), nn.Linear(64, 33), nn.ReLU(), nn.Linear(33, 3))(x)
        g.output(loss=losses.cross_entropy(y, labels))
    return grad(g.document(), of="loss")


@pytest.mark.parametrize("contraction_dtype", [None, DType.BFLOAT16, DType.FLOAT16])
def test_a_training_step(contraction_dtype: DType | None) -> None:
    """Bias and activation, and with 16-bit products the conversions of what they give."""
    document = perceptron()
    given = values_of(document)
    assert len(products(document, given, contraction_dtype)) >= 2
    check(document, given, contraction_dtype)
