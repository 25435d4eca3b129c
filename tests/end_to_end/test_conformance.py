"""Our own executor passes the conformance cases, over HTTP, as `asg conformance` runs them."""

import json
import subprocess
from collections.abc import Sequence
from typing import Any

from executor_harness.server_process import ASG, serving

# Each case is a document that the native engine compiles. Its kernels are tested for every sample elsewhere.
NATIVE_PATTERNS = ("softmax*", "layer_norm*", "matmul*", "take_along_axis*", "requests")


def report_of(engine: str, patterns: Sequence[str] = ()) -> dict[str, Any]:
    filters = [word for pattern in patterns for word in ("--filter", pattern)]
    with serving(["--engine", engine]) as server:
        command = [*ASG, "conformance", server.url, "--json", *filters]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.stderr == ""
    report = json.loads(done.stdout)
    assert report["failures"] == []
    assert done.returncode == 0
    assert report["failed"] == 0
    assert report["passed"] == sum(file["passed"] for file in report["files"])
    return report


def test_our_executor_passes_every_case() -> None:
    assert report_of("numpy")["passed"] > 3000


def test_the_native_engine_passes_cases_of_several_families() -> None:
    assert report_of("native", NATIVE_PATTERNS)["passed"] > 100
