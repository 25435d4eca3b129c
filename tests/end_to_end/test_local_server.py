"""The server that `Client.local()` starts: it comes up, tells why it does not, and always ends."""

import gc
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import asg_builder as asg
from asg_builder.client import Client, ConnectionFailed, LocalServerFailed, local
from asg_executor import serve_command
from asg_executor.settings import Settings


def ends(pid: int) -> bool:
    """Whether a process ends within half a minute. A child must be reaped by whoever started it."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if (
            Path(f"/proc/{pid}/stat").exists()
            and Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        ):
            return True
        time.sleep(0.05)
    return False


def test_it_ends_with_its_client() -> None:
    client = Client.local()
    pid = client.server_pid
    assert pid is not None
    assert client.info()["format_version"] == 1
    client.close()
    client.close()
    assert ends(pid)
    other = Client.local()
    pid = other.server_pid
    assert pid is not None
    del other
    gc.collect()
    assert ends(pid)


@pytest.mark.parametrize(("variables", "expected"), [({}, "all"), ({"OMP_NUM_THREADS": "1"}, None)])
def test_it_computes_on_all_cores_unless_it_is_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: str | None
) -> None:
    for name in list(os.environ):
        if name.endswith("_NUM_THREADS") or name == "ASG_BLAS_THREADS":
            monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    given: list[str | None] = []
    start = subprocess.Popen

    def starting(*arguments: Any, **options: Any) -> Any:
        given.append(options["env"].get("ASG_BLAS_THREADS"))
        return start(*arguments, **options)

    monkeypatch.setattr(subprocess, "Popen", starting)
    with Client.local() as client:
        assert client.info()["format_version"] == 1
    assert given == [expected]


@pytest.mark.parametrize("how", ["sys.exit(3)", "raise RuntimeError", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_it_ends_with_its_parent(how: str) -> None:
    code = f"""
import os, signal, sys
from asg_builder.client import Client
client = Client.local()
print(client.server_pid, flush=True)
{how}
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode != 0
    assert ends(int(done.stdout))


def test_a_server_that_is_killed_is_told_as_such() -> None:
    with Client.local(retries=1) as client:
        pid = client.server_pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        assert ends(pid)
        with pytest.raises(ConnectionFailed, match="the local server has exited with status -9"):
            client.info()


def test_a_server_that_does_not_start_tells_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASG_MAX_BODY_BYTES", "many")
    with pytest.raises(LocalServerFailed, match="ASG_MAX_BODY_BYTES: Input should be a valid integer"):
        Client.local()
    monkeypatch.delenv("ASG_MAX_BODY_BYTES")
    monkeypatch.setattr(local, "_COMMAND", (sys.executable, "-c", "print('hello')"))
    with pytest.raises(LocalServerFailed, match="it said b'hello"):
        Client.local()


def test_a_client_of_nobody() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    message = f'GET http://127.0.0.1:{port}/v1 got no answer: .*"asg serve" starts one'
    with (
        Client(f"http://127.0.0.1:{port}", retries=1) as client,
        pytest.raises(ConnectionFailed, match=message),
    ):
        client.info()


def test_responses_do_not_wait_for_acknowledgements() -> None:
    """Without TCP_NODELAY each response takes 40 ms: its body waits for the acknowledgement of its headers."""
    listen = serve_command._listen  # pyright: ignore[reportPrivateUsage] - what a connection inherits cannot be seen from outside  # noqa: SLF001
    with listen(Settings(port=0)) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_proxies_of_the_environment_are_not_asked_for_a_local_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with Client.local(retries=0) as client, asg.graph() as g:
        g.output(one=asg.ones(()))
        assert float(client.run(g.document(), {})["one"]) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_it_ends_with_its_parent_though_children_of_the_parent_go_on() -> None:
    """Two servers, and two processes that were begun between and after them: one forked, one with another program."""
    code = """
import os, signal, subprocess, sys, time
from asg_builder.client import Client
first = Client.local()
other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL, close_fds=False)
second = Client.local()
child = os.fork()
if child == 0:
    os.close(1), os.close(2)
    time.sleep(300)
    os._exit(0)
print(first.server_pid, second.server_pid, other.pid, child, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    first, second, *children = map(int, done.stdout.split())
    try:
        assert ends(first)
        assert ends(second)
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)  # fails if it has ended, too: then nothing was shown


def test_it_ends_though_its_parent_was_killed_before_it_was_ready() -> None:
    code = """
import os, signal
from asg_builder.client import Client, local
def die(self):
    print(self.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
local.LocalServer._announced_url = die
Client.local()
"""
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, timeout=120, check=False)
    assert ends(int(done.stdout))


def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = "import sys, time; print('thinking', file=sys.stderr, flush=True); time.sleep(300)"
    monkeypatch.setattr(local, "_COMMAND", (sys.executable, "-c", silent))
    monkeypatch.setattr(local, "_START_SECONDS", 5.0)
    with pytest.raises(LocalServerFailed, match="did not start within 5 seconds; it logged:\nthinking"):
        Client.local()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_it_outlives_a_fork_of_its_parent() -> None:
    code = """
import os, sys
from asg_builder.client import Client
client = Client.local()
child = os.fork()
if child == 0:
    sys.exit(0)  # runs what is registered for the end of the process
os.waitpid(child, 0)
print(client.info()["format_version"])
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (found.stdout.strip(), found.returncode) == ("1", 0), found.stderr
