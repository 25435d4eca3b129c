"""Many sends of the same step at a time, some of them with another body."""

import asyncio
from collections import Counter
from typing import Any

import httpx

from fault_harness.training import step_body

__all__ = ["altered", "send_at_once"]


async def send_at_once(http: httpx.AsyncClient, session: str, number: int, bodies: dict[str, Any], copies: int) -> str:
    """Send a step many times at once with each of these bodies; which of them it was taken with.

    Args:
        http: the client.
        session: the session's path.
        number: the number of the step.
        bodies: the bodies, by name.
        copies: how often each is sent.
    """
    names = [name for _ in range(copies) for name in bodies]
    answers = await asyncio.gather(
        *(http.put(f"{session}/steps/{number}", json=bodies[name]) for name in names), return_exceptions=False
    )
    taken = {name for name, answer in zip(names, answers, strict=True) if answer.status_code == 200}
    assert len(taken) == 1, "one body is taken"
    (winner,) = taken
    first = [answer for answer in answers if answer.status_code == 200 and "Idempotent-Replayed" not in answer.headers]
    assert len(first) == 1, "it is applied once"
    contents = {answer.content for answer in answers if answer.status_code == 200}
    assert len(contents) == 1, "and answered alike"
    refused = Counter(answer.json()["code"] for answer in answers if answer.status_code != 200)
    assert refused.keys() <= {"step_mismatch"}, refused
    return winner


def altered(number: int) -> dict[str, Any]:
    """Another body for a step than `step_body` has."""
    return {**step_body(number + 500)}
