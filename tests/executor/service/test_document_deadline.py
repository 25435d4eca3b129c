"""Documents are checked under the deadline of runs, looked at between two nodes."""

import json
from typing import Any

import pytest

from asg_executor.allowance import RunBounds, call_within
from asg_executor.errors import DeadlineError
from asg_schema.document import Document
from asg_schema.errors import DocumentError
from asg_schema.interruption import interruption
from executor_harness.in_process import in_process
from executor_harness.problems import problem


def chain(length: int, *, broken: bool = False) -> dict[str, Any]:
    """A chain of `length` nodes; a broken one has a fault in its first part, so that it is read part by part."""
    nodes = [{"id": f"n{i}", "op": "sin", "inputs": [f"n{i - 1}" if i else "x"]} for i in range(length)]
    inputs = [{"id": "x", "dtype": "float99" if broken else "float32", "shape": ["batch"]}]
    return {"asg": 1, "inputs": inputs, "nodes": nodes, "outputs": [{"name": "y", "value": f"n{length - 1}"}]}


@pytest.mark.parametrize("broken", [False, True])
def test_a_document_that_takes_too_long_is_given_up(broken: bool) -> None:
    with in_process(run_timeout_seconds=1e-4) as server:
        response = server.http.post("/v1/graphs", content=json.dumps(chain(20_000, broken=broken)))
        found = problem(response, "deadline_exceeded")
        assert "0.0001 seconds" in found["detail"]
    with in_process() as server:
        response = server.http.post("/v1/graphs", content=json.dumps(chain(20_000, broken=broken)))
        assert response.status_code == (422 if broken else 201)


@pytest.mark.parametrize("broken", [False, True])
def test_it_is_looked_at_before_each_node(broken: bool) -> None:
    asked = 0

    def count() -> None:
        nonlocal asked
        asked += 1
        if asked == 7:
            raise DeadlineError("enough")

    token = interruption.set(count)
    try:
        with pytest.raises(DeadlineError, match="enough"):
            Document.from_dict(chain(30, broken=broken))
    finally:
        interruption.reset(token)
    assert asked == 7


def test_outside_of_a_bounded_call_nothing_is_bounded() -> None:
    with pytest.raises(DeadlineError):
        call_within(RunBounds(seconds=1e-9), lambda: Document.from_dict(chain(100)))
    assert interruption.get() is None
    assert len(Document.from_dict(chain(100)).nodes) == 100
    with pytest.raises(DocumentError):
        Document.from_dict(chain(100, broken=True))
