"""Kernels that compute for long look at the time in between: a single instruction may take all that a run may."""

from typing import Any

import numpy as np
import pytest

from asg_executor.allowance import RunBounds, call_within
from asg_executor.engines.numpy_engine import NumpyEngine
from asg_executor.errors import DeadlineError
from asg_executor.plan.arrays import Array
from asg_schema.document import Document

POSITIVE: Array = (np.eye(40) * 50 + np.ones((200, 40, 40))).astype(np.float32)


def ones(*shape: int) -> Array:
    return np.ones(shape, np.float32)


IMAGES = ones(64, 3, 40, 40)

LONG: dict[str, tuple[dict[str, Any], list[Array]]] = {
    "convolution, by images": ({"op": "conv"}, [IMAGES, ones(8, 3, 3, 3)]),
    "convolution, by elements": ({"op": "conv"}, [ones(1, 1, 50, 50), ones(1, 1, 20, 20)]),
    "convolution, by channels": ({"op": "conv"}, [ones(1, 900, 30, 30), ones(8, 900, 29, 29)]),
    "sums over windows": ({"op": "window_sum", "kernel_size": [20, 20]}, [IMAGES]),
    "sums over windows that are few": ({"op": "window_sum", "kernel_size": [30, 30]}, [IMAGES]),
    "maxima over windows": ({"op": "max_pool", "kernel_size": [20, 20]}, [IMAGES]),
    "cholesky": ({"op": "cholesky"}, [POSITIVE]),
    "eigh": ({"op": "eigh"}, [POSITIVE]),
    "svd": ({"op": "svd"}, [POSITIVE]),
    "a whole basis": ({"op": "svd", "full_matrices": True}, [ones(2000, 40, 2)]),
    "qr": ({"op": "qr"}, [POSITIVE]),
    "lu": ({"op": "lu"}, [POSITIVE]),
    "many triangular systems": ({"op": "triangular_solve"}, [POSITIVE, POSITIVE]),
    "few triangular systems": ({"op": "triangular_solve"}, [POSITIVE[:10], POSITIVE[:10]]),
}  # fmt: skip


def compiled(node: dict[str, Any], arrays: list[Array]) -> Any:
    inputs = [{"id": f"x{index}", "dtype": "float32", "shape": list(array.shape)} for index, array in enumerate(arrays)]
    document = {
        "asg": 1,
        "inputs": inputs,
        "nodes": [{"id": "y", "inputs": [item["id"] for item in inputs], **node}],
        "outputs": [{"name": "y", "value": "y"}],
    }
    return NumpyEngine().compile(Document.from_dict(document), {})


@pytest.mark.parametrize("name", LONG)
def test_a_long_instruction_is_stopped_within_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    node, arrays = LONG[name]
    executable = compiled(node, arrays)
    inputs = {f"x{index}": array for index, array in enumerate(arrays)}
    expected = executable(inputs)["y"]
    now = [0.0]

    def monotonic() -> float:
        now[0] += 1.0
        return now[0]

    monkeypatch.setattr("asg_executor.allowance.monotonic", monotonic)
    sections = len(executable.sections)
    with pytest.raises(DeadlineError):
        call_within(RunBounds(seconds=sections + 3.5), lambda: executable(inputs))
    assert now[0] <= sections + 6, "it is stopped at the next look"
    # To have been stopped leaves no trace.
    np.testing.assert_array_equal(executable(inputs)["y"], expected)


@pytest.mark.parametrize("op", ["cholesky", "eigh", "svd", "qr", "lu"])
def test_many_matrices_have_the_factors_that_each_has(op: str) -> None:
    generator = np.random.default_rng(0)
    matrices = generator.normal(size=(3, 200, 40, 40)).astype(np.float32)
    matrices = matrices @ matrices.swapaxes(-1, -2) + 40 * np.eye(40, dtype=np.float32)
    together = compiled({"op": op}, [matrices])({"x0": matrices})["y"]
    alone = compiled({"op": op}, [matrices[0, 0]])
    for place in [(0, 0), (1, 70), (2, 199)]:
        np.testing.assert_array_equal(together[place], alone({"x0": matrices[place]})["y"])
