"""One HTTP request and its repetitions. The only module that knows httpx.

A request is repeated, with exponential backoff and jitter, where that cannot do harm: it never left; or the server says
that it changed nothing and that a repetition may succeed (429, 503); or the answer was lost and the request is
idempotent.
"""

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, NoReturn, cast

import httpx
import tenacity

from asg_builder.client.errors import ConnectionFailed, ServiceError, UnexpectedAnswer, error_from_answer
from asg_schema.errors import DocumentError
from asg_schema.wire import parse_json

__all__ = ["JSON", "SAFETENSORS", "Answer", "Transport"]

JSON = "application/json"
SAFETENSORS = "application/vnd.safetensors"

_FIRST_WAIT_SECONDS = 0.1
_LONGEST_WAIT_SECONDS = 10.0
_CONNECT_SECONDS = 10.0
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_GATEWAY_LOST_THE_ANSWER = (502, 504)


class Answer(NamedTuple):
    """A successful response.

    Attributes:
        status: the HTTP status, 200 to 299.
        headers: the headers, by name in lower case.
        body: the body.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """The JSON object in the body.

        Raises:
            UnexpectedAnswer: there is none.
        """
        try:
            content = parse_json(self.body)
        except DocumentError as error:
            raise UnexpectedAnswer(f"the answer is not JSON: {error}") from None
        if not isinstance(content, dict):
            raise UnexpectedAnswer("the answer is not a JSON object")
        return cast("dict[str, Any]", content)

    def field(self, name: str) -> Any:
        """One field of the JSON object in the body.

        Raises:
            UnexpectedAnswer: there is none.
        """
        content = self.json()
        if name not in content:
            raise UnexpectedAnswer(f'the answer has no field "{name}"; it has {", ".join(content) or "none"}')
        return content[name]


class Transport:
    """A connection to one executor.

    Args:
        url: its address, such as `http://127.0.0.1:8765`.
        api_key: sent as a bearer token; None sends none.
        timeout: how many seconds an answer may take.
        retries: how often a request is repeated at most.
        http: httpx's transport; absent: the network.
        sleep: how to wait between repetitions, in seconds.

    Attributes:
        url: its address.
        diagnose: asked, where no answer came, what is known of the server; appended to the error.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        timeout: float = 300.0,
        retries: int = 4,
        http: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError(f'the address of an executor begins with http:// or https://, not "{url}"')
        headers = {"User-Agent": "asg-builder"}
        if api_key is not None:
            headers["Authorization"] = f"Bearer {api_key}"
        limits = httpx.Timeout(timeout, connect=min(timeout, _CONNECT_SECONDS))
        # The environment's proxies are not for an executor on this machine.
        local = httpx.URL(url).host in ("127.0.0.1", "localhost", "::1")
        self._http = httpx.Client(headers=headers, timeout=limits, transport=http, trust_env=not local)
        self._retries = retries
        self._sleep = sleep
        self.diagnose: Callable[[], str] = lambda: ""
        self.url = url
        self._base = url.rstrip("/")

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        content_type: str = JSON,
        accept: str = JSON,
        headers: Mapping[str, str] | None = None,
        idempotent: bool,
    ) -> Answer:
        """Send a request until an answer comes.

        Args:
            method: the HTTP method.
            path: the path, from the server's root.
            body: the body, if there is one.
            content_type: its media type.
            accept: the media type of the answer.
            headers: further headers.
            idempotent: whether the request has one effect however often it is sent.

        Raises:
            ConnectionFailed: no answer came.
            ServiceError: the executor refused.
            UnexpectedAnswer: what answered is no executor.
        """
        sent = {"Accept": f"{accept}, application/problem+json", **(headers or {})}
        if body is not None:
            sent["Content-Type"] = content_type
        repeated = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self._retries + 1),
            wait=_wait,
            retry=tenacity.retry_if_exception(lambda error: _may_repeat(error, idempotent)),
            sleep=self._sleep,
            reraise=True,
        )
        return repeated(self._send, method, path, body, sent)

    def _send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        try:
            # A whole URL, because httpx parses a relative one twice.
            response = self._http.request(method, self._base + path, content=body, headers=headers)
        except httpx.TransportError as error:
            self._raise_connection_failed(method, path, error)
        found = {name.lower(): value for name, value in response.headers.items()}
        if not response.is_success:
            raise error_from_answer(response.status_code, found, response.content)
        expected = headers["Accept"].partition(",")[0]
        media_type = found.get("content-type", "").partition(";")[0].strip()
        if response.content and media_type != expected:
            raise UnexpectedAnswer(f'{method} {self.url}{path} answered "{media_type}"; {expected} was expected')
        return Answer(response.status_code, found, response.content)

    @contextmanager
    def stream_lines(
        self, path: str, *, accept: str, headers: Mapping[str, str] | None = None, timeout: float
    ) -> Generator[Iterator[str]]:
        """The lines of an answer to a GET as they come, in `with`. It is sent once, and not repeated.

        Args:
            path: the path, from the server's root.
            accept: the media type of the answer.
            headers: further headers.
            timeout: how many seconds may go by without anything arriving.

        Raises:
            ConnectionFailed: no answer came, or it broke off.
            ServiceError: the executor refused.
            UnexpectedAnswer: what answered is no executor.
        """
        sent = {"Accept": f"{accept}, application/problem+json", **(headers or {})}
        limits = httpx.Timeout(timeout, connect=min(timeout, _CONNECT_SECONDS))
        try:
            with self._http.stream("GET", self._base + path, headers=sent, timeout=limits) as response:
                found = {name.lower(): value for name, value in response.headers.items()}
                if not response.is_success:
                    raise error_from_answer(response.status_code, found, response.read())
                media_type = found.get("content-type", "").partition(";")[0].strip()
                if response.status_code != 204 and media_type != accept:
                    raise UnexpectedAnswer(f'GET {self.url}{path} answered "{media_type}"; {accept} was expected')
                yield response.iter_lines()
        except httpx.TransportError as error:
            self._raise_connection_failed("GET", path, error)

    def _raise_connection_failed(self, method: str, path: str, error: httpx.TransportError) -> NoReturn:
        what = "timed out" if isinstance(error, httpx.TimeoutException) else "got no answer"
        reason = str(error) or type(error).__name__
        known = self.diagnose()
        raise ConnectionFailed(
            f"{method} {self.url}{path} {what}: {reason}{known and '; '}{known}",
            sent=not isinstance(error, _NEVER_SENT),
        ) from error


def _may_repeat(error: BaseException, idempotent: bool) -> bool:
    if isinstance(error, ConnectionFailed):
        return idempotent or not error.sent
    if isinstance(error, ServiceError):
        if error.retry_after is not None and error.retry_after > _LONGEST_WAIT_SECONDS:
            return False
        return error.retryable or (idempotent and error.status in _GATEWAY_LOST_THE_ANSWER)
    return False


_backoff = tenacity.wait_random_exponential(multiplier=_FIRST_WAIT_SECONDS, max=_LONGEST_WAIT_SECONDS)


def _wait(state: tenacity.RetryCallState) -> float:
    """The backoff, or what the server asks for where that is longer."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, ServiceError) else None
    return max(_backoff(state), asked or 0.0)
