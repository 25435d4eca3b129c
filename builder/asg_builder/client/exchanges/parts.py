"""A step whose batch is too large for one body: each part in a request of its own."""

import json
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from asg_builder.arrays import Array
from asg_builder.client.errors import Conflict, ValidationProblem
from asg_builder.client.exchanges.asking import ask, get
from asg_builder.client.payload import Payload, decode, encode
from asg_builder.client.request import JSON, SAFETENSORS, Exchange, Request

__all__ = ["SentParts", "fits_one_body", "part_tensors", "send_parts"]

_SURELY_FITS_BYTES = 2**20
_HEADER_BYTES = 512  # of a tensor, at most, but for its name
_MOST_BEGINNINGS = 5


class SentParts(NamedTuple):
    """Parts that were sent, and of which a step was to be made.

    Attributes:
        content: the SHA-256 of the step's path and of what the parts have.
        parts: how many there were.
        digest: what the executor calls them.
    """

    content: str
    parts: int
    digest: str


def part_tensors(parts: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """The tensors of all parts as one body has them: `0/x`, `1/x`, …."""
    return {f"{number}/{name}": array for number, part in enumerate(parts) for name, array in part.items()}


def fits_one_body(parts: Sequence[Mapping[str, Array]], limit: int | None) -> Exchange[tuple[bool, int | None]]:
    """Whether parts may come in one body.

    Args:
        parts: the inputs of each.
        limit: how many bytes a body may have; None where that was not asked yet.

    Returns:
        Whether they may, and the limit, if it is known now.
    """
    sizes = [array.nbytes + len(name) + _HEADER_BYTES for part in parts for name, array in part.items()]
    if len(parts) == 1 or sum(sizes) <= _SURELY_FITS_BYTES:
        return True, limit
    if limit is None:
        limit = int((yield from get("/v1")).field("limits")["max_body_bytes"])
    return sum(sizes) <= limit, limit


def send_parts(
    path: str,
    parts: Sequence[Mapping[str, Array]],
    outputs: list[str] | None,
    earlier: SentParts | None,
    remember: Callable[[SentParts], None],
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Exchange[Payload]:
    """Take a step whose parts are sent one by one.

    The executor holds parts in memory. Where it lost them, or has others of an attempt that was given up, this begins
    again.

    Args:
        path: the path of the step.
        parts: the inputs of each.
        outputs: which outputs to answer.
        earlier: what was remembered last. If it is this step, and its answer was lost, that is asked for again.
        remember: told what was sent, before the step is taken.
        headers: further headers of the request that takes the step.

    Returns:
        The outputs of the parts, as one body has them.

    Raises:
        Conflict: the step was taken otherwise, or parts were lost again and again.
        ClientError: see `asg_builder.client.errors`.
    """
    content = _content(path, parts, outputs)
    for beginning in range(_MOST_BEGINNINGS):
        try:
            sent = SentParts(content, len(parts), (yield from _send_all(path, parts, outputs)))
            remember(sent)
            return (yield from _take(path, sent, headers))
        except (Conflict, ValidationProblem) as error:
            if error.code == "step_passed" and earlier is not None and earlier.content == content:
                return (yield from _take(path, earlier, headers))
            if error.code not in ("part_gap", "part_mismatch") or beginning + 1 == _MOST_BEGINNINGS:
                raise
            if error.code == "part_mismatch":
                yield from ask(Request("DELETE", f"{path}/parts"))
    raise AssertionError("the last beginning returns or raises")


def _content(path: str, parts: Sequence[Mapping[str, Array]], outputs: list[str] | None) -> str:
    digest = sha256(f"{path}:{outputs}".encode())
    for part in parts:
        digest.update(f"{len(part)}:".encode())
        for name, array in sorted(part.items()):
            digest.update(f"{len(name)}:{name}:{array.dtype.name}:{array.shape}:".encode())
            digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _send_all(path: str, parts: Sequence[Mapping[str, Array]], outputs: list[str] | None) -> Exchange[str]:
    """Send every part; what the executor calls them."""
    digest = ""
    for number, part in enumerate(parts):
        body = encode(part, outputs=outputs)
        answer = yield from ask(Request("PUT", f"{path}/parts/{number}", body, SAFETENSORS, SAFETENSORS))
        digest = str(decode(answer.body).fields["digest"])
    return digest


def _take(path: str, sent: SentParts, headers: Mapping[str, str]) -> Exchange[Payload]:
    body = json.dumps({"parts": sent.parts, "digest": sent.digest}).encode()
    return decode((yield from ask(Request("PUT", path, body, JSON, SAFETENSORS, headers))).body)
