"""A document whose state is one number, which a step adds its input to: the effect of every step is known."""

from asg_schema.document import Document

__all__ = ["register"]


def register() -> Document:
    """The document; `value` is the register after the step."""
    return Document.from_dict(
        {
            "asg": 1,
            "name": "register",
            "inputs": [{"id": "x", "dtype": "int64", "shape": []}],
            "parameters": [{"id": "register", "dtype": "int64", "shape": [], "trainable": False}],
            "nodes": [{"id": "next", "op": "add", "inputs": ["register", "x"]}],
            "outputs": [
                {"name": "value", "value": "next"},
                {"name": "register.next", "value": "next", "role": {"kind": "state_update", "of": "register"}},
            ],
        }
    )
