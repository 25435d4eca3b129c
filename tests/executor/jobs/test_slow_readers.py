"""A real server, and many clients that ask for all events of a job and read none of them."""

import os
import re
import socket
from contextlib import ExitStack
from pathlib import Path

import httpx

from executor_harness.in_process import in_process
from executor_harness.jobs import add_dataset, create_session, data, start_job, wait
from executor_harness.server_process import Process, serving

MIB = 2**20
READERS = 60
LARGE_EVENTS, LETTERS = 20, MIB // 2


def job_with_a_long_history(directory: Path) -> str:
    """The path of a job that ended, with events as large as those of large validations."""
    with in_process(data_dir=directory, workers=2) as server:
        dataset = add_dataset(server.http, data())
        job = start_job(server.http, create_session(server.http), dataset=dataset, batch_size=50)
        found = wait(server.http, job)
        content = {"type": "report", "time": 0.0, "step": 1, "figures": {}, "arrays": {"val_x": "x" * LETTERS}}
        for number in range(LARGE_EVENTS):
            server.app.state.service.directory.jobs.append(found["id"], found["last_event"] + 1 + number, content)
    return job


def peak_bytes(process: Process) -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.popen.pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def test_readers_that_do_not_read_take_little_memory_and_keep_nobody_from_working(tmp_path: Path) -> None:
    """All that there is to tell them would be 600 MiB; each takes a message or two."""
    job = job_with_a_long_history(tmp_path)
    environment = {**os.environ, "ASG_ANSWER_STALL_SECONDS": "600"}
    with (
        serving(["--data-dir", str(tmp_path)], environment=environment) as process,
        httpx.Client(base_url=process.url, timeout=120) as http,
        ExitStack() as stack,
    ):
        assert len(http.get(f"{job}/events").content) > LARGE_EVENTS * LETTERS
        before = peak_bytes(process)
        host, port = process.url.removeprefix("http://").split(":")
        request = f"GET {job}/events HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        for _ in range(READERS):
            reader = stack.enter_context(socket.socket())
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            reader.settimeout(60)
            reader.connect((host, int(port)))
            reader.sendall(request)
            assert reader.recv(12) == b"HTTP/1.1 200"
        again = start_job(http, create_session(http), dataset=add_dataset(http, data(), 200), batch_size=50, epochs=20)
        assert wait(http, again)["step"] == 20
        assert peak_bytes(process) - before < 200 * MIB
