"""Our own executor passes every conformance case, over HTTP, as `asg conformance` runs them."""

import json
import subprocess

from executor_harness.server_process import ASG, serving


def test_our_executor_passes_every_case() -> None:
    with serving() as server:
        done = subprocess.run(
            [*ASG, "conformance", server.url, "--json"], capture_output=True, text=True, check=False, timeout=600
        )
    assert done.stderr == ""
    report = json.loads(done.stdout)
    assert report["failures"] == []
    assert done.returncode == 0
    assert report["failed"] == 0
    assert report["passed"] == sum(file["passed"] for file in report["files"]) > 3000
