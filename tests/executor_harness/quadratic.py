"""A loss with a moving minimum, for optimizers to follow: a matrix and a vector in float64, the same on every machine.

loss = Σ curvature · p² / 2 + pull · p over all elements of `weight` [4, 3] and `bias` [3]; the pulls of each step are
sines. So the gradient is curvature · p + pull.
"""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from asg_autograd import grad
from asg_schema.document import Document

__all__ = ["CURVATURES", "SHAPES", "SNAPSHOTS", "START", "STEPS", "pulls", "quadratic"]

Array: TypeAlias = npt.NDArray[np.float64]

STEPS = 50
SNAPSHOTS = (1, 2, 3, 10, 50)
"""The steps after which references keep the parameters."""

SHAPES: dict[str, tuple[int, ...]] = {"weight": (4, 3), "bias": (3,)}


def _ramp(shape: tuple[int, ...], low: float, high: float) -> Array:
    size = int(np.prod(shape))
    return (low + (high - low) * np.arange(size) / (size - 1)).reshape(shape)


START: dict[str, Array] = {name: _ramp(shape, -1.5, 2.0) for name, shape in SHAPES.items()}
CURVATURES: dict[str, Array] = {name: _ramp(shape, 0.5, 1.5) for name, shape in SHAPES.items()}


def pulls(step: int) -> dict[str, Array]:
    """The pulls of a step, as the inputs `weight.pull` and `bias.pull`."""
    return {
        f"{name}.pull": np.sin(0.7 * step + 1.3 * np.arange(int(np.prod(shape)))).reshape(shape)
        for name, shape in SHAPES.items()
    }


def quadratic() -> Document:
    """The loss, with its gradients."""
    inputs: list[dict[str, Any]] = []
    parameters: list[dict[str, Any]] = []
    nodes: list[dict[str, Any]] = []
    for name, shape in SHAPES.items():
        inputs.append({"id": f"{name}.pull", "dtype": "float64", "shape": list(shape)})
        parameters.append({"id": name, "dtype": "float64", "shape": list(shape)})
        half = (CURVATURES[name] / 2).tolist()
        nodes += [
            {"id": f"{name}.half", "op": "constant", "dtype": "float64", "shape": list(shape), "value": _flat(half)},
            {"id": f"{name}.scaled", "op": "multiply", "inputs": [name, f"{name}.half"]},
            {"id": f"{name}.slope", "op": "add", "inputs": [f"{name}.scaled", f"{name}.pull"]},
            {"id": f"{name}.part", "op": "multiply", "inputs": [name, f"{name}.slope"]},
            {"id": f"{name}.sum", "op": "sum", "inputs": [f"{name}.part"]},
        ]
    nodes.append({"id": "loss", "op": "add", "inputs": ["weight.sum", "bias.sum"]})
    outputs = [{"name": "loss", "value": "loss"}]
    return grad(
        Document.from_dict({"asg": 1, "inputs": inputs, "parameters": parameters, "nodes": nodes, "outputs": outputs})
    )


def _flat(values: Any) -> list[float]:
    return np.asarray(values).reshape(-1).tolist()
