"""Contractions in 16 bits: which instructions they become, and numbers that show every rounding, on both engines."""

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from asg_autograd import grad
from asg_executor.engines.lookup import engine_named
from asg_executor.kernels.table import KERNELS
from asg_executor.plan.arrays import Array
from asg_executor.plan.contractions import narrow_contractions
from asg_executor.plan.lowering import lower
from asg_executor.plan.program import Program
from asg_schema.document import Document
from asg_schema.dtype import DType
from op_samples import ALL_SAMPLES
from op_samples.sample import Sample, sample_document, sample_inputs

ENGINES = ["numpy", "native"]
NARROW: dict[DType, Any] = {DType.BFLOAT16: ml_dtypes.bfloat16, DType.FLOAT16: np.float16}


def document(
    nodes: list[dict[str, Any]], inputs: dict[str, list[Any]], outputs: list[str], dtype: str = "float32"
) -> Document:
    return Document.from_dict(
        {
            "asg": 1,
            "inputs": [{"id": name, "dtype": dtype, "shape": shape} for name, shape in inputs.items()],
            "nodes": nodes,
            "outputs": [{"name": name, "value": name} for name in outputs],
        }
    )


def computed(graph: Document, engine: str, dtype: DType | None, **inputs: Array) -> dict[str, Array]:
    compiled = engine_named(engine).compile(graph, {}, contraction_dtype=dtype)
    return compiled(inputs)


def narrowed(graph: Document, dtype: DType = DType.BFLOAT16, **symbols: int) -> Program:
    return narrow_contractions(lower(graph, symbols, KERNELS), dtype)


def ops(program: Program) -> list[str]:
    return [item.op.name for item in program.instructions]


PRODUCT = document([{"id": "y", "op": "matmul", "inputs": ["a", "b"]}], {"a": [1, 3], "b": [3, 1]}, ["y"])


@pytest.mark.parametrize("engine", ENGINES)
def test_operands_and_result_are_rounded_and_the_sum_is_not(engine: str) -> None:
    a = np.array([[1 + 2**-9, 256.0, 1.0]], np.float32)  # bfloat16 has 8 bits: 1 + 2⁻⁹ becomes 1
    b = np.array([[1.0], [1.0], [1.0]], np.float32)
    # 1 + 256 + 1 = 258, which bfloat16 holds; summed in bfloat16 it would be 256 after each addition.
    assert computed(PRODUCT, engine, DType.BFLOAT16, a=a, b=b)["y"] == [[258.0]]
    # float16 has 11 bits: 1 + 2⁻⁹ stays in the operand, and 258 + 2⁻⁹ is rounded in the result.
    assert computed(PRODUCT, engine, DType.FLOAT16, a=a, b=b)["y"] == [[258.0]]
    assert computed(PRODUCT, engine, DType.FLOAT16, a=a - np.float32(256) * (a == 256), b=b)["y"] == [[2 + 2**-9]]
    exact = computed(PRODUCT, engine, None, a=a, b=b)["y"]
    assert exact == [[258 + 2**-9]]
    assert exact.dtype == np.float32


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dtype", [DType.BFLOAT16, DType.FLOAT16])
def test_a_convolution_is_one_too(engine: str, dtype: DType) -> None:
    node = {"id": "y", "op": "conv", "inputs": ["x", "k"], "strides": [1], "padding": [[0, 0]]}
    graph = document([node], {"x": [1, 2, 9], "k": [3, 2, 4]}, ["y"])
    generator = np.random.default_rng(0)
    x, k = (generator.normal(size=shape).astype(np.float32) for shape in ((1, 2, 9), (3, 2, 4)))
    wide = [array.astype(NARROW[dtype]).astype(np.float64) for array in (x, k)]
    windows = np.lib.stride_tricks.sliding_window_view(wide[0], 4, axis=2)
    expected = np.einsum("ncpk,ock->nop", windows, wide[1]).astype(NARROW[dtype]).astype(np.float32)
    found = computed(graph, engine, dtype, x=x, k=k)["y"]
    # The sums in float32 may fall to the other side of a rounding.
    np.testing.assert_allclose(found, expected, rtol=2.0 ** -DType(dtype).precision * 2, atol=1e-6)
    np.testing.assert_array_equal(found, found.astype(NARROW[dtype]).astype(np.float32))


def test_other_dtypes_and_other_ops_stay() -> None:
    nodes = [
        {"id": "y", "op": "matmul", "inputs": ["a", "b"]},
        {"id": "z", "op": "softmax", "inputs": ["y"], "axis": -1},
        {"id": "l", "op": "sum", "inputs": ["z"]},
    ]
    wide = document(nodes, {"a": [2, 3], "b": [3, 4]}, ["l"], dtype="float64")
    assert ops(narrowed(wide)) == ops(lower(wide, {}, KERNELS))
    single = document(nodes, {"a": [2, 3], "b": [3, 4]}, ["l"])
    program = narrowed(single)
    assert ops(program)[:4] == ["astype", "astype", "matmul", "astype"]
    in_16_bits = {name for name, type in program.types.items() if type.dtype is DType.BFLOAT16}
    assert {
        name for item in program.instructions if item.op.name != "astype" for name in item.results
    } & in_16_bits == {"y.bfloat16"}


def test_a_value_is_rounded_once_however_it_is_moved() -> None:
    nodes = [
        {"id": "y", "op": "matmul", "inputs": ["a", "b"]},
        {"id": "t", "op": "permute_dims", "inputs": ["b"], "axes": [1, 0]},
        {"id": "r", "op": "reshape", "inputs": ["y"], "shape": [2, 4]},
        {"id": "z", "op": "matmul", "inputs": ["r", "t"]},
    ]
    program = narrowed(document(nodes, {"a": [2, 3], "b": [3, 4]}, ["y", "z"]))
    conversions = [item.operands[0] for item in program.instructions if item.op.name == "astype"]
    # a and b are rounded once; the product goes on in 16 bits, and is widened only for the output.
    assert conversions == ["a", "b", "y.bfloat16", "z.bfloat16"]


def test_what_comes_in_16_bits_is_not_rounded_again() -> None:
    nodes = [
        {"id": "wide", "op": "astype", "inputs": ["a"], "dtype": "float32"},
        {"id": "y", "op": "matmul", "inputs": ["wide", "wide"]},
    ]
    graph = document(nodes, {"a": [3, 3]}, ["y"], dtype="bfloat16")
    assert ops(narrowed(graph)) == ["astype", "matmul", "astype"]


def test_products_within_linear_algebra_stay_exact() -> None:
    nodes = [{"id": "y", "op": "solve", "inputs": ["a", "b"]}, {"id": "z", "op": "matmul", "inputs": ["a", "y"]}]
    program = narrowed(document(nodes, {"a": [3, 3], "b": [3, 2]}, ["z"]))
    products = [item for item in program.instructions if item.op.name == "matmul"]
    assert [program.types[item.results[0]].dtype for item in products] == [DType.FLOAT32, DType.BFLOAT16]


def test_products_within_a_function_are_known_by_the_op_that_they_belong_to() -> None:
    graph = Document.from_dict(
        {
            "asg": 1,
            "inputs": [{"id": name, "dtype": "float32", "shape": [3, 3]} for name in "ab"],
            "nodes": [{"id": "y", "op": "call", "inputs": ["a", "b"], "function": "f"}],
            "outputs": [{"name": "y", "value": "y"}],
            "functions": {
                "f": {
                    "inputs": [{"id": name, "dtype": "float32", "shape": [3, 3]} for name in "ab"],
                    "nodes": [
                        {"id": "s", "op": "solve", "inputs": ["a", "b"]},
                        {"id": "p", "op": "linear", "inputs": ["a", "s"]},
                    ],
                    "outputs": [{"name": "p", "value": "p"}],
                }
            },
        }
    )
    program = narrowed(graph)
    products = [item for item in program.instructions if item.op.name == "matmul"]
    assert [program.types[item.results[0]].dtype for item in products] == [DType.FLOAT32, DType.BFLOAT16]


COMPOSITES: dict[str, tuple[dict[str, Any], dict[str, list[Any]]]] = {
    "linear": ({"inputs": ["x", "w"]}, {"x": [4, 6], "w": [5, 6]}),
    "einsum": ({"inputs": ["x", "w"], "equation": "ij,kj->ik"}, {"x": [4, 6], "w": [5, 6]}),
    "attention": ({"inputs": ["q", "k", "v"]}, {"q": [2, 4, 6], "k": [2, 5, 6], "v": [2, 5, 3]}),
}


@pytest.mark.parametrize("op", COMPOSITES)
@pytest.mark.parametrize("dtype", [DType.BFLOAT16, DType.FLOAT16])
def test_engines_agree_on_composites_and_their_gradients(op: str, dtype: DType) -> None:
    fields, shapes = COMPOSITES[op]
    nodes = [{"id": "y", "op": op, **fields}, {"id": "l", "op": "sum", "inputs": ["s"]}]
    nodes.insert(1, {"id": "s", "op": "sin", "inputs": ["y"]})
    graph = grad(document(nodes, shapes, ["y", "l"]), of="l", wrt=list(shapes))
    generator = np.random.default_rng(1)
    values = {name: generator.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    exact, first, second = (
        computed(graph, engine, narrow, **values)
        for engine, narrow in (("numpy", None), ("numpy", dtype), ("native", dtype))
    )
    unit = 2.0 ** (1 - dtype.precision)
    for name, array in first.items():
        scale = np.abs(exact[name]).max()
        assert array.dtype == second[name].dtype == np.float32
        np.testing.assert_allclose(array, second[name], atol=4 * unit * scale, rtol=0)
        np.testing.assert_allclose(array, exact[name], atol=16 * unit * scale, rtol=0)
    assert any((exact[name] != first[name]).any() for name in exact), "nothing was rounded"


def contracting_samples() -> list[Sample]:
    """The samples, in float32, of ops that come to contractions in 16 bits."""
    narrow = (
        sample.in_dtype(DType.FLOAT32) for sample in ALL_SAMPLES if sample.op.family() in ("contraction", "window")
    )
    candidates = [sample for sample in narrow if sample is not None]
    return [item for item in candidates if {"matmul", "conv"} & set(ops(lower(sample_document(item), {}, KERNELS)))]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dtype", [DType.BFLOAT16, DType.FLOAT16])
def test_every_sample_is_computed_to_the_accuracy_of_16_bits(dtype: DType, engine: str) -> None:
    samples = contracting_samples()
    assert {sample.op.name for sample in samples} >= {
        "matmul",
        "conv",
        "conv_transpose",
        "linear",
        "einsum",
        "attention",
    }
    for sample in samples:
        found = computed(sample_document(sample), engine, dtype, **sample_inputs(sample))
        for array, expected in zip(found.values(), sample.expected(), strict=True):
            assert array.dtype == expected.dtype, sample.id
            scale = np.abs(expected[np.isfinite(expected)], dtype=np.float64).max(initial=0.0)
            bound = 8 * 2.0**-dtype.precision * scale
            np.testing.assert_allclose(array, expected, atol=bound, rtol=2.0**-dtype.precision, err_msg=sample.id)
