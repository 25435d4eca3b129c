"""One case against an executor: what it answers, and what it should."""

import json
from typing import Any

from asg_builder.client.errors import ConnectionFailed, ServiceError, UnexpectedAnswer
from asg_builder.client.transport import Transport
from asg_builder.conformance.comparison import difference
from asg_builder.conformance.vectors import Case, Fault

__all__ = ["check"]

_UNREADABLE, _INVALID = 400, 422


def check(case: Case, transport: Transport) -> str | None:
    """Run a case.

    Args:
        case: the case.
        transport: a connection to the executor.

    Returns:
        What went wrong and what was expected, or None where nothing did.

    Raises:
        ConnectionFailed: there is no executor, or none any more; the message names the case.
    """
    try:
        return _refusal(case, transport) if case.refused else _run(case, transport)
    except UnexpectedAnswer as error:
        return str(error)
    except ConnectionFailed as error:
        if error.sent:  # it dropped this request, and may take the next
            return str(error)
        raise ConnectionFailed(f"{case.id}: {error}", sent=False) from error


def _refusal(case: Case, transport: Transport) -> str | None:
    try:
        transport.request("POST", "/v1/graphs", body=case.document, idempotent=True)
    except ServiceError as error:
        expected = _UNREADABLE if case.refused[0].code == "invalid_json" else _INVALID
        if error.status != expected:
            return f"the document was refused with {_answer(error)}; HTTP {expected} is expected"
        found = tuple(Fault(problem.pointer, problem.code) for problem in error.problems)
        if found == case.refused:
            return None
        return f"the problems are {_listed(found)}; expected are {_listed(case.refused)}"
    return f"the document was accepted; it has the problems {_listed(case.refused)}"


def _run(case: Case, transport: Transport) -> str | None:
    try:
        digest = transport.request("POST", "/v1/graphs", body=case.document, idempotent=True).field("digest")
    except ServiceError as error:
        return f"the document was refused: {_answer(error)}"
    if not isinstance(digest, str):
        return f"the digest is {json.dumps(digest)}; a string is needed"
    if case.digest not in (None, digest):
        return f"the digest is {digest}; {case.digest} is expected"
    try:
        answer = transport.request("POST", f"/v1/graphs/{digest}/run", body=case.run, idempotent=True)
    except ServiceError as error:
        if case.fails is None:
            return f"the run failed: {_answer(error)}"
        if (error.status, error.code) == (_INVALID, case.fails):
            return None
        return f"the run failed with {_answer(error)}; HTTP {_INVALID} {case.fails} is expected"
    if case.fails is not None:
        return f"the run succeeded; it fails with HTTP {_INVALID} {case.fails}"
    return _outputs(case, answer.field("outputs"))


def _outputs(case: Case, outputs: Any) -> str | None:
    if not isinstance(outputs, dict) or set(outputs) != set(case.expected):  # pyright: ignore[reportUnknownArgumentType]
        return f"the outputs are not an object with exactly {', '.join(case.expected)}"
    for name, expected in case.expected.items():
        if found := difference(outputs[name], expected):
            return f'output "{name}": {found}'
    return None


def _answer(error: ServiceError) -> str:
    return f"HTTP {error.status} {error.code}: {error.detail.splitlines()[0]}"


def _listed(faults: tuple[Fault, ...]) -> str:
    return ", ".join(f'{code} at "{pointer}"' for pointer, code in faults) or "none"
