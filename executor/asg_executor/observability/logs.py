"""Logs: one record a line, in JSON or for people, each with the ids of the request that it belongs to.

A record may have further fields: `_log.info("…", extra={"fields": {"steps": 3}})`. Access keys never appear, whatever a
message contains: what looks like one is masked in the finished line.
"""

import json
import logging
import re
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal

from typing_extensions import override

from asg_executor.observability.request_facts import request_facts

__all__ = ["JsonFormatter", "TextFormatter", "configure_logging", "without_secrets"]

LogFormat = Literal["auto", "text", "json"]

_KEY = re.compile(r"\b(asg_[0-9a-f]{8}_)[A-Za-z0-9_\-]{16,}")
_BEARER = re.compile(r"\b(bearer\s+)[A-Za-z0-9._~+/=\-]+", re.IGNORECASE)
_MASK = r"\1********"


def configure_logging(level: str, format: LogFormat) -> None:
    """Write what this process logs, the server library's records included, to standard error.

    Args:
        level: the lowest level that is written.
        format: how; `auto` is text on a terminal and JSON elsewhere.
    """
    handler = logging.StreamHandler()
    if format == "auto":
        format = "text" if sys.stderr.isatty() else "json"
    handler.setFormatter(JsonFormatter() if format == "json" else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler])


def without_secrets(text: str) -> str:
    """A text in which everything that looks like an access key is masked."""
    return _KEY.sub(_MASK, _BEARER.sub(_MASK, text))


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON: timestamp (ISO 8601, UTC), level, logger, message, and what else is known."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "timestamp": _timestamp(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **request_facts(),
            **_fields(record),
        }
        kind, error, trace = record.exc_info or (None, None, None)
        if kind is not None and error is not None:
            line["exception"] = _exception(kind, error, trace)
        # Characters beyond ASCII are escaped: half a surrogate pair could not be written.
        return without_secrets(json.dumps(line, default=str))


class TextFormatter(logging.Formatter):
    """A record as a line for people; an exception follows with its traceback."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        facts = {**request_facts(), **_fields(record)}
        words = [_timestamp(record), f"{record.levelname:<7}", record.name, record.getMessage()]
        words += [f"{name}={value}" for name, value in facts.items()]
        text = " ".join(words)
        if record.exc_info:
            text = f"{text}\n{self.formatException(record.exc_info)}"
        return without_secrets(text)


def _timestamp(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fields(record: logging.LogRecord) -> Mapping[str, object]:
    return getattr(record, "fields", {})


def _exception(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> dict[str, str]:
    stack = "".join(traceback.format_exception(kind, error, trace))
    return {"type": f"{kind.__module__}.{kind.__qualname__}", "message": str(error), "stacktrace": stack}
