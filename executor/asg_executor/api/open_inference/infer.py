"""`/v2/models/{model}/infer`: inference."""

from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any, NamedTuple, TypeVar

from fastapi import APIRouter, Request
from starlette.responses import Response

from asg_executor.api.answer_documentation import answers
from asg_executor.api.answers.open_inference import InferenceAnswer
from asg_executor.api.body_schema import body_schema
from asg_executor.api.direct_route import DirectRoute
from asg_executor.api.headers import header
from asg_executor.api.json_depth import check_depth, has_few_brackets
from asg_executor.api.json_numbers import without_numbers
from asg_executor.api.media_types import JSON, SAFETENSORS
from asg_executor.api.open_inference.compression import compress, wanted_coding
from asg_executor.api.open_inference.known_requests import KnownRequests
from asg_executor.api.open_inference.messages import InferRequest, Wanted, parse_request
from asg_executor.api.open_inference.models import FoundModel, find_model
from asg_executor.api.open_inference.tensors import Answer, decode_inputs, encode_answer
from asg_executor.api.problems import ProblemError
from asg_executor.api.scoped_access import RunAccess
from asg_executor.api.tenant_service import TenantService
from asg_executor.api.timing import server_timing
from asg_executor.inference.model import Ran, ServedModel
from asg_executor.inference.repository import LATEST
from asg_executor.plan.arrays import Array
from asg_executor.sessions.held_session import HeldSession
from asg_schema.wire import show_value

__all__ = ["router"]

router = APIRouter(prefix="/v2/models", tags=["inference"], route_class=DirectRoute)

T = TypeVar("T")

_JSON = b"content-type", JSON.encode()
_BINARY = b"content-type", b"application/octet-stream"
_HEADER_LENGTH = "Inference-Header-Content-Length"
_HEADER_LENGTH_RAW = _HEADER_LENGTH.lower().encode()
_LITTLE_BYTES = 16_384  # of JSON, or to be compressed: less than a millisecond
_LITTLE_NUMBERS = 2**19  # of JSON that is hardly anything but numbers, likewise
_LITTLE_ELEMENTS = 4_096  # in JSON, likewise
_MUCH_BINARY = 2**22  # bytes, which are only copied

_KNOWN = KnownRequests()

_DOCUMENTATION: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": body_schema(InferRequest)},
            "application/octet-stream": {
                "schema": {
                    "type": "string",
                    "format": "binary",
                    "description": "The JSON, and behind it the elements of the inputs with `binary_data_size`, in "
                    "order, little-endian and row-major; `Inference-Header-Content-Length` says how long the JSON is.",
                }
            },
        },
    },
    "parameters": [
        {
            "name": _HEADER_LENGTH,
            "in": "header",
            "required": False,
            "schema": {"type": "integer", "minimum": 0},
            "description": "How many bytes of the body, decompressed, are JSON; absent: all.",
        }
    ],
}


_ANSWERS = answers(
    InferenceAnswer,
    binary={
        "application/octet-stream": "The JSON, and behind it the elements of the outputs with `binary_data_size`; "
        f"`{_HEADER_LENGTH}` says how long the JSON is."
    },
)


@router.post("/{model_name}/infer", openapi_extra=_DOCUMENTATION, responses=_ANSWERS)
async def infer(model_name: str, request: Request, service: RunAccess) -> Response:
    """Run a model with the session's parameters as they are.

    While a step is being taken they are those before it: inference does not wait for training.
    """
    return await _infer(model_name, LATEST, request, service)


@router.post("/{model_name}/versions/{version}/infer", openapi_extra=_DOCUMENTATION, responses=_ANSWERS)
async def infer_version(model_name: str, version: str, request: Request, service: RunAccess) -> Response:
    """Run a model with the parameters of a checkpoint, or, as version `latest`, of the session."""
    return await _infer(model_name, version, request, service)


async def _infer(model_name: str, version: str, request: Request, service: TenantService) -> Response:
    begin = perf_counter()
    with service.admit():
        body = await _read(request, service)
        arrived = perf_counter()
        found = find_model(service, model_name)
        model = await _prepared(service, found, version)
        statistics = service.whole.models.statistics(found.held, found.graph, version)
        waited = perf_counter() - arrived
        try:
            message = _known(body, model) or await _decoded(service, body, model)
            decoded = perf_counter()
            timeout = message.wanted.timeout
            start_by = None if timeout is None else begin + timeout
            ran, rows = await service.whole.inference.run(
                model, message.arrays, message.wanted.outputs, start_by, statistics
            )
            computed = perf_counter()
            answer = await _encoded(service, message.wanted, model_name, version, ran)
            content, headers = await _coded(service, request, answer)
        except BaseException:
            statistics.failed(perf_counter() - begin)
            raise
        if ran.compiled:
            service.whole.models.trim()
        end = perf_counter()
        seconds = {
            "queue": waited + (computed - decoded - ran.seconds),
            "input": (arrived - begin) + (decoded - arrived - waited),
            "infer": ran.seconds,
            "output": end - computed,
        }
        service.metrics.observe_inference(seconds)
        statistics.succeeded(rows, end - begin, seconds)
        headers.append((b"server-timing", server_timing(seconds).encode()))
        return _Answered(content, headers)


class _Answered(Response):
    """A response whose headers are already as ASGI has them.

    Args:
        content: its body.
        headers: all headers but the length of the body.
    """

    def __init__(self, content: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        # Starlette's own would go through the headers, which takes longer than to write the body.
        self.status_code = 200
        self.background = None
        self.body = content
        self.raw_headers = [*headers, (b"content-length", b"%d" % len(content))]


class _Body(NamedTuple):
    """The body of a request, decompressed.

    Attributes:
        json: the JSON.
        buffers: what follows it.
    """

    json: bytes
    buffers: memoryview


class _Message(NamedTuple):
    """A request that was read.

    Attributes:
        wanted: what it asks for.
        arrays: the inputs, by name.
    """

    wanted: Wanted
    arrays: Mapping[str, Array]


async def _read(request: Request, service: TenantService) -> _Body:
    given = header(request, _HEADER_LENGTH_RAW)
    settings = service.settings
    content = await service.unread_body(request, JSON if given is None else SAFETENSORS)
    length = len(content) if given is None else _header_length(given, len(content))
    if length > settings.max_json_bytes:
        message = f"the JSON of the request has {length} bytes; at most {settings.max_json_bytes} may be"
        raise ProblemError("body_too_large", f"{message}: send tensors as binary data behind it")
    return _Body(content[:length], memoryview(content)[length:])


def _header_length(given: str, most: int) -> int:
    if given.isdecimal() and given.isascii() and len(given) < 20 and int(given) <= most:
        return int(given)
    message = f"{_HEADER_LENGTH} is {show_value(given)}; the length of the JSON, at most the body's {most}, is needed"
    raise ProblemError("invalid_body", message)


async def _prepared(service: TenantService, found: FoundModel, version: str) -> ServedModel:
    models = service.whole.models
    model = models.ready(found.held, found.graph, version)
    if model is None:

        async def in_session(held: HeldSession, function: Callable[[], None]) -> None:
            await service.pool.run_locked(held.lock, function)

        model = await models.prepare(found.held, found.graph, version, in_session)
    return model


def _known(body: _Body, model: ServedModel) -> _Message | None:
    known = _KNOWN.find(model, body.json, len(body.buffers)) if body.buffers else None
    return None if known is None else _Message(known.wanted, known.arrays(body.buffers))


async def _decoded(service: TenantService, body: _Body, model: ServedModel) -> _Message:
    most = service.settings.max_json_depth
    message = _decoded_quickly(body, model, most) if len(body.json) <= _LITTLE_NUMBERS else None
    if message is not None:
        return message

    def decode() -> _Message:
        quick = _decoded_quickly(body, model, most) if len(body.json) > _LITTLE_NUMBERS else None
        if quick is not None:
            return quick
        check_depth(body.json, most)
        parsed = parse_request(body.json)
        arrays = decode_inputs(parsed, model.types, body.buffers)
        _KNOWN.remember(model, body.json, parsed.wanted, arrays, len(body.buffers))
        return _Message(parsed.wanted, arrays)

    # In a thread where there is much to read. What follows the JSON is not read, but looked at where it lies.
    return await _where_it_fits(service, len(body.json), decode)


def _decoded_quickly(body: _Body, model: ServedModel, most_depth: int) -> _Message | None:
    """Read a request whose inputs have long lists of numbers; None where the whole has to be looked at closely."""
    short = without_numbers(body.json) if has_few_brackets(body.json, most_depth) else None
    if short is None:
        return None
    try:
        parsed = parse_request(short.text)
        if sum(short.numbers_at(item.data) is not None for item in parsed.inputs) < len(short.numbers):
            return None
        return _Message(parsed.wanted, decode_inputs(parsed, model.types, body.buffers, short))
    except ProblemError:
        return None  # what is wrong is told of the body as it came


async def _where_it_fits(service: TenantService, size: int, function: Callable[[], T]) -> T:
    """Call a function that goes through so many bytes: in a thread where they are many."""
    return function() if size <= _LITTLE_BYTES else await service.pool.run(function)


async def _encoded(service: TenantService, wanted: Wanted, model_name: str, version: str, ran: Ran) -> Answer:
    elements = size = 0
    for name, array in ran.outputs.items():
        size += array.nbytes
        if not wanted.is_binary(name):
            elements += array.size
    if elements <= _LITTLE_ELEMENTS and size <= _MUCH_BINARY:
        return encode_answer(wanted, model_name, version, ran.step, ran.outputs)
    return await service.pool.run(lambda: encode_answer(wanted, model_name, version, ran.step, ran.outputs))


async def _coded(service: TenantService, request: Request, answer: Answer) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """The bytes of an answer as its client wants them, and the headers that say what they are."""
    content = answer.content
    headers: list[tuple[bytes, bytes]] = [_JSON]
    if answer.header_length is not None:
        headers = [_BINARY, (_HEADER_LENGTH_RAW, b"%d" % answer.header_length)]
    coding = wanted_coding(request)
    if coding is not None:
        plain = content
        content = await _where_it_fits(service, len(plain), lambda: compress(plain, coding))
        headers.append((b"content-encoding", coding.encode()))
    return content, headers
