"""A server process that the tests of a worker share."""

from collections.abc import Iterator

import pytest

from asg_builder.client import Client


@pytest.fixture(scope="session")
def client() -> Iterator[Client]:
    """A client of a real server in another process."""
    with Client.local() as client:
        yield client
