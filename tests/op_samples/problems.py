"""The problems of documents that are not valid."""

from typing import Any

import pytest

from asg_schema.document import Document
from asg_schema.errors import DocumentError, Problem


def problems_of(source: dict[str, Any]) -> tuple[Problem, ...]:
    with pytest.raises(DocumentError) as caught:
        Document.from_dict(source)
    return caught.value.problems


def only_problem(source: dict[str, Any]) -> Problem:
    (problem,) = problems_of(source)
    return problem
