from collections.abc import Iterator

import pytest

from executor_harness.in_process import Server, in_process


@pytest.fixture
def server() -> Iterator[Server]:
    with in_process(workers=2) as server:
        yield server
