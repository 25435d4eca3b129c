from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from asg_executor import run
from asg_executor.engines.executable import PlannedExecutable
from asg_executor.engines.lookup import engine_named, engine_names
from asg_executor.engines.planned_engine import PlannedEngine
from asg_executor.errors import IndexOutOfRangeError, InterfaceError, MemoryLimitError, SymbolError, UnknownEngineError
from asg_schema.document import Document

REGRESSION = Document.from_dict(
    {
        "asg": 1,
        "name": "regression",
        "inputs": [
            {"id": "x", "dtype": "float32", "shape": ["batch", 3]},
            {"id": "target", "dtype": "float32", "shape": ["batch", 1]},
        ],
        "parameters": [
            {"id": "weight", "dtype": "float32", "shape": [3, 1]},
            {"id": "bias", "dtype": "float32", "shape": [1]},
        ],
        "nodes": [
            {"id": "xw", "op": "matmul", "inputs": ["x", "weight"]},
            {"id": "prediction", "op": "add", "inputs": ["xw", "bias"]},
            {"id": "error", "op": "subtract", "inputs": ["prediction", "target"]},
            {"id": "squared", "op": "multiply", "inputs": ["error", "error"]},
            {"id": "loss", "op": "mean", "inputs": ["squared"], "axis": [0, 1]},
        ],
        "outputs": [{"name": "prediction", "value": "prediction"}, {"name": "loss", "value": "loss"}],
    }
)
INPUTS: dict[str, Any] = {"x": [[1, 2, 3], [4, 5, 6]], "target": [[0.5], [1]]}
PARAMETERS: dict[str, Any] = {"weight": np.array([[0.1], [0.2], [0.3]], np.float32), "bias": [0.25]}


def test_a_document_runs_on_lists_and_arrays() -> None:
    results = run(REGRESSION, INPUTS, PARAMETERS)
    np.testing.assert_allclose(results["prediction"], [[1.65], [3.45]], rtol=1e-6)
    np.testing.assert_allclose(results["loss"], (1.15**2 + 2.45**2) / 2, rtol=1e-6)
    assert {array.dtype for array in results.values()} == {np.dtype(np.float32)}


def test_outputs_can_be_chosen() -> None:
    assert list(run(REGRESSION, INPUTS, PARAMETERS, outputs=["loss"])) == ["loss"]


@pytest.mark.parametrize(
    ("inputs", "parameters", "said"),
    [
        (INPUTS, None, 'document "regression" has parameters, and none were given: "weight", "bias"'),
        (INPUTS, {"weight": [[1.0], [1.0], [1.0]]}, 'parameter "bias" is missing'),
        ({"x": INPUTS["x"]}, PARAMETERS, 'input "target" is missing'),
        ({**INPUTS, "targt": 1}, PARAMETERS, 'no input "targt"; did you mean "target"'),
        ({**INPUTS, "bias": [0.25]}, PARAMETERS, 'no input "bias"'),
        (
            {**INPUTS, "x": [[1.0, 2.0]]},
            PARAMETERS,
            r'"x" is float32\[1, 2\]; the document declares float32\[batch, 3\]',
        ),
        ({**INPUTS, "x": np.zeros((2, 3), bool)}, PARAMETERS, '"x" holds bools; the document declares float32'),
    ],
)
def test_arrays_that_do_not_fit_are_named(inputs: dict[str, Any], parameters: dict[str, Any] | None, said: str) -> None:
    with pytest.raises(InterfaceError, match=said):
        run(REGRESSION, inputs, parameters)


def test_contradictory_batches_are_named() -> None:
    with pytest.raises(SymbolError, match=r'axis 0 of "target".* size 1, but batch is 2: batch is 2 by axis 0 of "x"'):
        run(REGRESSION, {**INPUTS, "target": [[1.0]]}, PARAMETERS)


def test_engines_are_found_by_name() -> None:
    assert engine_names()[0] == engine_named("auto").name
    assert engine_named("numpy").name == "numpy"
    with pytest.raises(UnknownEngineError, match=r'no engine "nump"; did you mean "numpy"'):
        run(REGRESSION, INPUTS, PARAMETERS, engine="nump")


def lookup(id: str) -> Document:
    return Document.from_dict(
        {
            "asg": 1,
            "inputs": [
                {"id": "x", "dtype": "float32", "shape": ["n"]},
                {"id": "i", "dtype": "int64", "shape": []},
            ],
            "nodes": [{"id": id, "op": "take", "inputs": ["x", "i"]}],
            "outputs": [{"name": "y", "value": id}],
        }
    )


def test_documents_that_mean_the_same_keep_the_names_of_their_own_nodes_in_errors() -> None:
    assert lookup("first").digest == lookup("second").digest
    for id in ("first", "second"):
        with pytest.raises(IndexOutOfRangeError, match=f'node "{id}"'):
            run(lookup(id), {"x": [1.0], "i": 7})


def test_the_same_document_runs_at_other_shapes_and_in_many_threads() -> None:
    def one(size: int) -> bool:
        x = np.arange(size, dtype=np.float32)
        return all(run(lookup("take"), {"x": x, "i": i})["y"] == i for i in range(size))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(one, [1, 2, 3, 40, 5, 6, 7, 8] * 6))


def test_a_run_again_compiles_nothing_and_old_executables_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[int] = []
    compile_ = PlannedEngine.compile

    def counting(self: PlannedEngine, document: Document, symbols: Mapping[str, int], **rest: Any) -> PlannedExecutable:
        compiled.append(symbols["n"])
        return compile_(self, document, symbols, **rest)

    monkeypatch.setattr(PlannedEngine, "compile", counting)

    def one(size: int) -> None:
        run(lookup("again"), {"x": np.zeros(size, np.float32), "i": 0})

    one(1)
    one(1)
    assert compiled == [1]
    for size in range(2, 40):
        one(size)
    one(1)
    assert compiled == [*range(1, 40), 1]


def test_what_cannot_be_compiled_is_not_kept() -> None:
    for size in range(1, 100):
        with pytest.raises(MemoryLimitError):
            run(lookup("refused"), {"x": np.zeros(size, np.float32), "i": 0}, memory_limit=0)
    module = import_module("asg_executor.single_run")
    assert len(vars(module)["_cache"]) <= 32


def test_numbers_that_are_not_finite_pass_through_without_a_warning() -> None:
    document = Document.from_dict(
        {
            "asg": 1,
            "inputs": [{"id": "x", "dtype": "float32", "shape": [4]}],
            "nodes": [
                {"id": "log", "op": "log", "inputs": ["x"]},
                {"id": "ratio", "op": "divide", "inputs": ["log", "x"]},
                {"id": "exp", "op": "exp", "inputs": ["ratio"]},
            ],
            "outputs": [{"name": name, "value": name} for name in ("log", "ratio", "exp")],
        }
    )
    results = run(document, {"x": np.array([0.0, -1.0, np.inf, 1e-3], np.float32)})
    np.testing.assert_array_equal(results["log"][:3], [-np.inf, np.nan, np.inf])
    np.testing.assert_array_equal(results["ratio"][:3], [-np.inf, np.nan, np.nan])
    np.testing.assert_array_equal(results["exp"], [0.0, np.nan, np.nan, 0.0])
