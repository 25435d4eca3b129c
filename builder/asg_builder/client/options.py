"""How a client sends its requests."""

import math
import os
import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from asg_schema.errors import AsgError

__all__ = ["KEY_VARIABLE", "SendOptions", "base_url", "common_headers", "is_local", "key_or_default"]

KEY_VARIABLE = "ASG_API_KEY"
"""The environment variable that has the key of a client to which none is given."""

_KEY = re.compile(r"[!-~]+\Z")
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
_HEADER_VALUE = re.compile(r"[!-~]([ \t!-~]*[!-~])?\Z|\Z")


class SendOptions(NamedTuple):
    """How long a request waits and how often it is sent.

    Attributes:
        timeout: how many seconds may pass without anything from the server.
        retries: how often a request is repeated at most.
        total_timeout: the seconds, waits included, after which no repetition begins.
    """

    timeout: float
    retries: int
    total_timeout: float

    def changed(self, timeout: float | None, retries: int | None, total_timeout: float | None) -> "SendOptions":
        """These options, with those in place that are given.

        Raises:
            AsgError: one has no sense.
        """
        return SendOptions(
            self.timeout if timeout is None else timeout,
            self.retries if retries is None else retries,
            self.total_timeout if total_timeout is None else total_timeout,
        ).checked()

    def checked(self) -> "SendOptions":
        """These options.

        Raises:
            AsgError: one has no sense.
        """
        for name, seconds in (("timeout", self.timeout), ("total_timeout", self.total_timeout)):
            if not seconds > 0 or math.isnan(seconds):
                raise AsgError(f"{name} is {seconds}; a number of seconds above 0 is needed")
        if self.retries < 0:
            raise AsgError(f"retries is {self.retries}; a number of at least 0 is needed")
        return self


def base_url(url: str) -> str:
    """The address that paths are appended to.

    Raises:
        ValueError: it is no address of HTTP, or has more than a host, a port and a path.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises where it is none
    except ValueError as error:
        raise ValueError(f'"{url}" is no address: {error}') from None
    if parts.username is not None or parts.password is not None:  # and is not shown
        raise ValueError("the address of an executor has no user and password; a key is given as api_key")
    if parts.scheme not in ("http", "https"):
        raise ValueError(f'the address of an executor begins with http:// or https://, not "{url}"')
    if not parts.hostname:
        raise ValueError(f'"{url}" is no address: it has no host')
    if parts.query or parts.fragment:
        raise ValueError(f'the address of an executor ends with its path, if it has one; "{url}" has ? or # after it')
    return url.rstrip("/")


def is_local(url: str) -> bool:
    """Whether an address is of this machine, for which the environment's proxies are not meant."""
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


def key_or_default(api_key: str | None) -> str | None:
    """The key that a client sends: the one that is given, or else the environment's; None for none, as "" asks for."""
    return (os.environ.get(KEY_VARIABLE) if api_key is None else api_key) or None


def common_headers(api_key: str | None, headers: Mapping[str, str] | None) -> dict[str, str]:
    """The headers of every request.

    Args:
        api_key: sent as a bearer token, if there is one.
        headers: further ones.

    Raises:
        AsgError: the key or a header cannot be one. The message does not have its value.
    """
    if api_key is not None and not _KEY.match(api_key):
        raise AsgError(
            f"api_key (or {KEY_VARIABLE}) has a character that a key cannot have; visible ASCII is needed, no spaces "
            "and line ends"
        )
    for name, value in (headers or {}).items():
        if not _HEADER_NAME.match(name) or not _HEADER_VALUE.match(value):
            raise AsgError(
                f"the header {name!r} cannot be sent: a name has letters, digits and hyphens, and a value visible "
                "ASCII with spaces between"
            )
    key = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
    return {"User-Agent": "asg-builder", **key, **(headers or {})}
