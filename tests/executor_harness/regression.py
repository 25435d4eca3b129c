"""A linear regression, written by hand as a document, and the same in NumPy."""

import json
from typing import Any

import numpy as np
import numpy.typing as npt

from asg_autograd import grad
from asg_schema.document import Document

REGRESSION = """
{"asg": 1,
 "name": "regression",
 "inputs":     [{"id": "x", "dtype": "float32", "shape": ["batch", 3]},
                {"id": "target", "dtype": "float32", "shape": ["batch", 1]}],
 "parameters": [{"id": "weight", "dtype": "float32", "shape": [3, 1], "init": {"kind": "xavier_uniform"}},
                {"id": "bias", "dtype": "float32", "shape": [1], "init": {"kind": "zeros"}}],
 "nodes":      [{"id": "xw", "op": "matmul", "inputs": ["x", "weight"]},
                {"id": "prediction", "op": "add", "inputs": ["xw", "bias"]},
                {"id": "error", "op": "subtract", "inputs": ["prediction", "target"]},
                {"id": "squared", "op": "multiply", "inputs": ["error", "error"]},
                {"id": "loss", "op": "mean", "inputs": ["squared"], "axis": [0, 1]}],
 "outputs":    [{"name": "prediction", "value": "prediction"}, {"name": "loss", "value": "loss"}]}
"""

Floats = npt.NDArray[np.float32]


def regression() -> Document:
    return Document.from_json(REGRESSION)


def regression_gradient() -> Document:
    return grad(regression())


def regression_json() -> dict[str, Any]:
    return json.loads(REGRESSION)


def regression_data(size: int = 8, seed: int = 0) -> dict[str, Floats]:
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(size, 3)).astype(np.float32)
    target = (x @ np.array([[1.0], [-2.0], [0.5]]) + 0.25 + 0.1 * generator.normal(size=(size, 1))).astype(np.float32)
    return {"x": x, "target": target}


def descend(
    weight: npt.NDArray[Any], bias: npt.NDArray[Any], data: dict[str, Floats], learning_rate: float, steps: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Gradient descent on the mean squared error, in float64."""
    w, b = weight.astype(np.float64), bias.astype(np.float64)
    x, target = (array.astype(np.float64) for array in (data["x"], data["target"]))
    for _ in range(steps):
        error = x @ w + b - target
        w, b = w - learning_rate * 2 * x.T @ error / len(x), b - learning_rate * 2 * error.mean(axis=0)
    return w, b
