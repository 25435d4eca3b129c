"""Which graphs keep rows apart: each claim is compared with runs of each row alone, for every sample of every op."""

from collections.abc import Callable, Iterator, Mapping
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import asg_builder as asg
from asg_builder import nn
from asg_executor import run
from asg_executor.errors import ExecutorError
from asg_executor.inference.row_independence import MixedRowsError, plan_rows
from asg_executor.sessions.graph_set import default_outputs
from asg_schema.dims import symbol
from asg_schema.document import Document, Input, Output, Parameter
from asg_schema.editing import Editor
from asg_schema.errors import AsgError
from op_samples import ALL_SAMPLES
from op_samples.sample import Sample, dtype_of

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]


def claimed(document: Document) -> bool:
    """Whether it is claimed that the default outputs keep the rows of all inputs apart."""
    try:
        plan_rows(document, [item.id for item in document.inputs], default_outputs(document))
    except MixedRowsError:
        return False
    return True


def assert_rows_are_apart(document: Document, inputs: Arrays, parameters: Arrays) -> None:
    whole = run(document, inputs, parameters)
    (rows,) = {array.shape[0] for array in inputs.values()}
    backwards = run(document, {name: array[::-1].copy() for name, array in inputs.items()}, parameters)
    for row in range(rows):
        alone = run(document, {name: array[row : row + 1] for name, array in inputs.items()}, parameters)
        for name, output in whole.items():
            np.testing.assert_allclose(alone[name][0], output[row], rtol=1e-9, atol=1e-12, err_msg=name)
            np.testing.assert_allclose(backwards[name][rows - 1 - row], output[row], rtol=1e-9, atol=1e-12)


def with_rows(sample: Sample) -> Iterator[tuple[Document, Arrays, Arrays]]:
    """The sample with the symbol `n` as axis 0 of some of its operands, the others as parameters."""
    sized = [index for index, operand in enumerate(sample.operands) if operand.ndim and operand.shape[0] > 1]
    for count in range(1, len(sized) + 1):
        for chosen in combinations(sized, count):
            sizes = {sample.operands[index].shape[0] for index in chosen}
            if len(sizes) > 1:
                continue
            for attributes in attribute_forms(sample, *sizes):
                document = applied(sample, chosen, attributes)
                if document is not None:
                    named = {f"x{index}": operand for index, operand in enumerate(sample.operands)}
                    inputs = {f"x{index}": named.pop(f"x{index}") for index in chosen}
                    yield document, inputs, named


def attribute_forms(sample: Sample, size: int) -> Iterator[dict[str, Any]]:
    """The attributes as they are, and with the symbol in place of the size in a shape, at its beginning."""
    attributes = dict(sample.attributes)
    yield attributes
    for field in ("shape", "stop"):
        shape = attributes.get(field)
        if shape and shape[0] == size:
            yield {**attributes, field: (symbol("n"), *shape[1:])}


def applied(sample: Sample, chosen: tuple[int, ...], attributes: dict[str, Any]) -> Document | None:
    editor = Editor()
    operands: list[Any] = []
    for index, operand in enumerate(sample.operands):
        id, dtype = f"x{index}", dtype_of(operand)
        if index in chosen:
            operands.append(editor.add_input(Input(id=id, dtype=dtype, shape=(symbol("n"), *operand.shape[1:]))))
        else:
            operands.append(editor.add_parameter(Parameter(id=id, dtype=dtype, shape=operand.shape)))
    try:
        results = editor.emit(sample.op, operands, attributes, id="result")
    except AsgError:  # the op does not take a symbol there
        return None
    for index, result in enumerate(results):
        editor.add_output(Output(name=f"y{index}", value=result.id))
    return editor.document()


def is_float64(arrays: Arrays) -> bool:
    return all(array.dtype.kind != "f" or array.dtype == np.float64 for array in arrays.values())


def test_no_op_is_claimed_to_keep_rows_apart_that_does_not() -> None:
    kept: set[str] = set()
    mixed: set[str] = set()
    for sample in ALL_SAMPLES:
        for document, inputs, parameters in with_rows(sample):
            if not claimed(document):
                mixed.add(sample.op.name)
                continue
            try:
                run(document, inputs, parameters)
            except ExecutorError:  # the sample's sizes are not these
                continue
            if is_float64({**inputs, **parameters}):
                assert_rows_are_apart(document, inputs, parameters)
                kept.add(sample.op.name)
    assert {"add", "matmul", "sum", "softmax", "layer_norm", "conv", "take", "linear", "attention", "where"} <= kept
    assert {"flip", "cumulative_sum", "sort", "scatter_nd_add", "index_add", "cholesky"} <= mixed
    assert len(kept) > 100


def model(build: Callable[[Any], Any], shape: tuple[Any, ...] = ("batch", 4), dtype: str = "float64") -> Document:
    with asg.graph("model") as g:
        g.output(y=build(asg.input("x", shape, dtype=dtype)))
    return g.document()


KEEP: dict[str, Document] = {
    "mlp": model(nn.Sequential(nn.Linear(4, 8, dtype="float64"), nn.ReLU(), nn.Linear(8, 2, dtype="float64"))),
    "softmax": model(lambda x: asg.softmax(x, axis=-1)),
    "mean of each row over a symbol": model(lambda x: asg.mean(x, axis=1), ("batch", "sequence")),
    "transformer block": model(nn.TransformerBlock(4, 2, 8, causal=True, dtype="float64"), ("batch", "sequence", 4)),
    "convolution": model(
        nn.Sequential(nn.Conv2d(1, 2, 3, dtype="float64"), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()), ("batch", 1, 6, 6)
    ),
}
MIX: dict[str, Document] = {
    "mean over the batch": model(lambda x: x - asg.mean(x, axis=0, keepdims=True)),
    "size of the batch": model(lambda x: x * asg.astype(asg.dim_size(x, axis=0), "float64")),
    "place in the batch": model(lambda x: x + asg.reshape(asg.iota((x.shape[0],), dtype="float64"), (x.shape[0], 1))),
    "order of the batch": model(lambda x: asg.flip(x, axis=0)),
    "rows by other rows": model(lambda x: asg.take(x, asg.argmax(x, axis=1), axis=0)),
    "product with itself": model(lambda x: x @ asg.matrix_transpose(x)),
    "rows made one": model(lambda x: asg.reshape(x, (x.shape[0] * 4,))),
    "first rows of a table": model(
        lambda x: x + asg.slice(asg.parameter("table", (10, 4), dtype="float64"), (0, 0), (x.shape[0], 4))
    ),
    "running total": model(lambda x: asg.cumulative_sum(x, axis=0)),
    "shifted": model(lambda x: asg.pad(x, (1, 0), (-1, 0))),
    "a number alone": model(asg.sum),
}


@pytest.mark.parametrize("name", KEEP)
def test_models_that_keep_rows_apart(name: str) -> None:
    document = KEEP[name]
    rng = np.random.default_rng(0)
    shape = [
        3 if index == 0 else (dim if isinstance(dim, int) else 5) for index, dim in enumerate(document.inputs[0].shape)
    ]
    parameters = {item.id: rng.standard_normal(item.shape) for item in document.parameters}
    assert claimed(document)
    assert_rows_are_apart(document, {"x": rng.standard_normal(shape)}, parameters)


@pytest.mark.parametrize("name", MIX)
def test_models_that_mix_rows(name: str) -> None:
    assert not claimed(MIX[name])


def test_inputs_must_share_their_rows() -> None:
    def document(shape: tuple[Any, ...], other: tuple[Any, ...]) -> Document:
        with asg.graph("sum") as g:
            g.output(y=asg.input("x", shape) + asg.input("z", other))
        return g.document()

    assert claimed(document(("n", 2), ("n", 2)))
    assert not claimed(document(("n", 2), (2,)))
    assert not claimed(document((3, 2), (3, 2)))
    assert not claimed(document(("n", "n"), ("n", "n")))
    with pytest.raises(MixedRowsError, match='the input "z"'):
        plan_rows(document(("n", 2), (2,)), ["x", "z"], ["y"])


def test_only_what_an_output_depends_on_counts() -> None:
    with asg.graph("loss") as g:
        x, target = asg.input("x", ("n",)), asg.input("target", ("n",))
        g.output(y=x * 2.0, loss=asg.mean((x - target) ** 2.0))
    document = g.document()
    assert plan_rows(document, ["x", "target"], ["y"]).inputs == ("x",)
    with pytest.raises(MixedRowsError, match=r'node "\w+" \(mean\) is not known to keep the rows of "n" apart'):
        plan_rows(document, ["x", "target"], ["y", "loss"])
