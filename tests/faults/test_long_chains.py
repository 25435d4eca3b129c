"""Documents as long as they may be, each operation fed by the one before: nothing recurses, and memory is bounded."""

import re
from pathlib import Path

import httpx
import pytest

from executor_harness.chains import run_chain
from executor_harness.server_process import serving


@pytest.mark.parametrize("length", [30_000, 100_000])
def test_a_chain(length: int) -> None:
    with serving() as process:
        run_chain(process.url, length)
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.popen.pid}/status").read_text())
        assert found is not None
        assert int(found[1]) * 1024 < 2 * 2**30
        assert httpx.get(f"{process.url}/healthz/ready", timeout=10).json() == {"ready": True}
