"""How a client sends its requests."""

import math
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from asg_schema.errors import AsgError

__all__ = ["SendOptions", "base_url", "common_headers", "is_local"]


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
        ValueError: it is no address of HTTP.
    """
    if not url.startswith(("http://", "https://")):
        raise ValueError(f'the address of an executor begins with http:// or https://, not "{url}"')
    return url.rstrip("/")


def is_local(url: str) -> bool:
    """Whether an address is of this machine, for which the environment's proxies are not meant."""
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


def common_headers(api_key: str | None, headers: Mapping[str, str] | None) -> dict[str, str]:
    """The headers of every request.

    Args:
        api_key: sent as a bearer token, if there is one.
        headers: further ones.
    """
    key = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
    return {"User-Agent": "asg-builder", **key, **(headers or {})}
