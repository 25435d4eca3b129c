"""Documents that are one long chain of operations."""

import json
from typing import Any

import httpx

__all__ = ["run_chain"]


def run_chain(url: str, length: int) -> None:
    """Have a server run a chain of sines, and find that it does.

    Args:
        url: the server's address.
        length: how many there are.
    """
    nodes = [{"id": f"n{i}", "op": "sin", "inputs": [f"n{i - 1}" if i else "x"]} for i in range(length)]
    document: dict[str, Any] = {
        "asg": 1,
        "inputs": [{"id": "x", "dtype": "float32", "shape": []}],
        "nodes": nodes,
        "outputs": [{"name": "y", "value": f"n{length - 1}"}],
    }
    added = httpx.post(f"{url}/v1/graphs", content=json.dumps(document), timeout=300)
    assert added.status_code == 201, added.text
    run = httpx.post(f"{url}/v1/graphs/{added.json()['digest']}/run", json={"inputs": {"x": 1.0}}, timeout=300)
    assert run.status_code == 200, run.text
    assert 0 < run.json()["outputs"]["y"]["data"][0] < 1
