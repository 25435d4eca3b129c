"""`add_examples`: the OpenAPI description with an example of each request and its answer.

They are exchanges that were recorded (`make generate`), in `examples.json`; a test compares them with what the service
answers.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

from asg_executor.api.media_types import JSON

__all__ = ["add_examples", "examples"]


@cache
def examples() -> dict[str, dict[str, Any]]:
    """By method and path: `request`, where there is one, and the `status` and `answer`."""
    return json.loads(Path(__file__).with_name("examples.json").read_text())


def add_examples(description: dict[str, Any]) -> None:
    """Add to the description of each operation an example of its body and of its answer.

    Args:
        description: an OpenAPI document, which is changed.
    """
    for name, example in examples().items():
        method, path = name.split(" ")
        operation: dict[str, Any] = description["paths"][path][method.lower()]
        if "request" in example:
            operation["requestBody"]["content"][JSON]["example"] = example["request"]
        answer: dict[str, Any] = operation["responses"][str(example["status"])]["content"]
        answer[JSON]["example"] = example["answer"]
