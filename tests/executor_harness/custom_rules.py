"""Update rules as clients write them."""

from typing import Any

__all__ = ["momentum_document"]


def momentum_document(dtype: str = "float64", **changes: Any) -> dict[str, Any]:
    """Gradient descent with a momentum of 0.9, in a slot `velocity`; `changes` replace whole fields."""
    vector = {"dtype": dtype, "shape": ["length"]}
    return {
        "asg": 1,
        "name": "momentum",
        "inputs": [
            {"id": "parameter", **vector},
            {"id": "gradient", **vector},
            {"id": "velocity", **vector},
            {"id": "learning_rate", "dtype": "float64", "shape": []},
        ],
        "nodes": [
            {"id": "kept", "op": "full", "dtype": dtype, "shape": [], "value": 0.9},
            {"id": "rest", "op": "multiply", "inputs": ["velocity", "kept"]},
            {"id": "next", "op": "add", "inputs": ["rest", "gradient"]},
            {"id": "rate", "op": "astype", "inputs": ["learning_rate"], "dtype": dtype},
            {"id": "move", "op": "multiply", "inputs": ["next", "rate"]},
            {"id": "moved", "op": "subtract", "inputs": ["parameter", "move"]},
        ],
        "outputs": [{"name": "parameter", "value": "moved"}, {"name": "velocity", "value": "next"}],
        **changes,
    }
