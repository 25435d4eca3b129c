"""On how many threads documents run: no more than are asked for, and on one where there is little to do."""

import subprocess
import sys

import pytest

_SCRIPT = """
import sys

import numpy as np

from asg_executor.blas import set_blas_threads
from asg_executor.cores import available_cores
from asg_executor.engines.lookup import engine_named
from asg_executor.engines.native.team import process_team
from asg_schema.document import Document

size, threads = int(sys.argv[1]), int(sys.argv[2])
set_blas_threads(threads)
document = Document.from_dict({
    "asg": 1,
    "name": "joined",
    "inputs": [{"id": name, "dtype": "float32", "shape": ["rows", 64]} for name in "abc"],
    "parameters": [],
    "nodes": [
        {"id": "sum", "op": "add", "inputs": ["a", "b"]},
        {"id": "joined", "op": "concat", "inputs": ["sum", "c", "b"], "axis": 0},
        {"id": "result", "op": "exp", "inputs": ["joined"]},
    ],
    "outputs": [{"name": "joined", "value": "joined"}, {"name": "result", "value": "result"}],
})
executable = engine_named("native").compile(document, {"rows": size})
arrays = {name: np.random.default_rng(ord(name)).random((size, 64), np.float32) for name in "abc"}
joined = np.concatenate([arrays["a"] + arrays["b"], arrays["c"], arrays["b"]])
for _ in range(3):
    found = executable(arrays)
    np.testing.assert_array_equal(found["joined"], joined)
    np.testing.assert_allclose(found["result"], np.exp(joined), rtol=1e-6)
print(process_team().started if available_cores() > 1 else "one core")
"""


@pytest.mark.parametrize(
    ("rows", "threads", "helpers"), [(1, 2, "0"), (8192, 1, "0"), (8192, 2, "1")], ids=["little", "one thread", "two"]
)
def test_others_help_only_where_it_is_worth_it_and_wanted(rows: int, threads: int, helpers: str) -> None:
    command = [sys.executable, "-c", _SCRIPT, str(rows), str(threads)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    answer = done.stdout.strip()
    if answer == "one core":
        pytest.skip("there is one core: nobody could help")
    # With more cores than two the team has more threads, and starts all or none of them.
    assert (answer == "0") == (helpers == "0")
