"""`Answer`: what an executor answered."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple, cast

from asg_builder.client.errors import UnexpectedAnswer, error_from_answer
from asg_builder.client.request import Request
from asg_schema.errors import DocumentError
from asg_schema.wire import parse_json

__all__ = ["NO_CONTENT", "Answer", "answer_to", "field_of", "note", "reading", "recorded_answers"]

NO_CONTENT = 204
_SHOWN_BYTES = 120


class Answer(NamedTuple):
    """A successful response.

    Attributes:
        status: the HTTP status, 200 to 299.
        headers: the headers, by name in lower case.
        body: the body; empty where it went to the request's receiver.
        elapsed: how many seconds it took, from sending the request for the last time to the end of the body.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    elapsed: float = 0.0

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
        return field_of(self.json(), name)


def field_of(content: Mapping[str, Any], name: str) -> Any:
    """One field of a JSON object in an answer.

    Raises:
        UnexpectedAnswer: there is none.
    """
    if name not in content:
        raise UnexpectedAnswer(f'the answer has no field "{name}"; it has {", ".join(content) or "none"}')
    return content[name]


@contextmanager
def reading(what: str) -> Generator[None]:
    """Let an answer whose fields are not what they should be fail as such, in `with`.

    Args:
        what: what is read: "the description of a session".

    Raises:
        UnexpectedAnswer: something in the block is missing, or of another type.
    """
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UnexpectedAnswer(f"{what} cannot be read, as if of another version of asgraph: {error!r}") from None


def answer_to(
    request: Request, url: str, status: int, headers: Mapping[str, str], body: bytes, elapsed: float = 0.0
) -> Answer:
    """The answer that a response is.

    Args:
        request: what was asked.
        url: the executor's address, for errors.
        status: the response's HTTP status.
        headers: its headers, by name in lower case.
        body: its body.
        elapsed: how many seconds it took.

    Raises:
        ServiceError: the executor refused.
        UnexpectedAnswer: what answered is no executor.
    """
    if not 200 <= status < 300:
        raise error_from_answer(status, headers, body)
    media_type = headers.get("content-type", "").partition(";")[0].strip()
    if status != NO_CONTENT and (body or request.receiver) and media_type != request.accept:
        start = body[:_SHOWN_BYTES].decode("utf-8", "replace")
        raise UnexpectedAnswer(
            f'{request.method} {url}{request.path} answered "{media_type}" where {request.accept} was expected, so '
            f"that what listens there seems to be no ASG executor: {start!r}"
        )
    return Answer(status, headers, body, elapsed)


_recorded: ContextVar[list[Answer] | None] = ContextVar("recorded answers", default=None)


@contextmanager
def recorded_answers() -> Generator[list[Answer]]:
    """The answers that come within the block in this thread or task, oldest first."""
    answers: list[Answer] = []
    token = _recorded.set(answers)
    try:
        yield answers
    finally:
        _recorded.reset(token)


def note(answer: Answer) -> None:
    """Record an answer where answers are recorded."""
    answers = _recorded.get()
    if answers is not None:
        answers.append(answer)
