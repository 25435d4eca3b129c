"""The head and the body of an answer leave together, and nothing that is held back is lost or overtaken."""

import asyncio
import socket
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from typing_extensions import override

from asg_executor.api.joined_writes import JoinedWrites
from executor_harness.server_process import serving


class _Recorder(asyncio.Transport):
    """A transport that notes what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[object] = []
        self._is_closing = False

    @override
    def write(self, data: "bytes | bytearray | memoryview[int]") -> None:
        assert not self._is_closing
        self.told.append(bytes(data))

    @override
    def writelines(self, list_of_data: "Iterable[bytes | bytearray | memoryview[int]]") -> None:
        assert not self._is_closing
        self.told.append([bytes(data) for data in list_of_data])

    @override
    def is_closing(self) -> bool:
        return self._is_closing

    @override
    def close(self) -> None:
        self._is_closing = True
        self.told.append("close")

    @override
    def abort(self) -> None:
        self._is_closing = True
        self.told.append("abort")


def told(*turns: Callable[[JoinedWrites], object]) -> list[object]:
    """What the transport below is told when these things are done, each in a turn of the event loop."""
    recorder = _Recorder()

    async def run() -> None:
        transport = JoinedWrites(asyncio.get_running_loop(), recorder)
        for turn in turns:
            turn(transport)
            await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(run())
    return recorder.told


def test_what_is_written_in_one_turn_leaves_together_and_in_order() -> None:
    assert told(lambda t: (t.write(b"a"), t.write(b"b"))) == [[b"a", b"b"]]
    assert told(lambda t: (t.write(b"a"), t.write(b"b"), t.write(b"c"))) == [[b"a", b"b"], b"c"]
    four = told(lambda t: (t.write(b"a"), t.write(b"b"), t.write(b"c"), t.write(bytearray(b"d"))))
    assert four == [[b"a", b"b"], [b"c", b"d"]]


def test_what_stands_alone_leaves_in_the_next_turn() -> None:
    assert told(lambda t: t.write(b"a"), lambda t: t.write(b"b")) == [b"a", b"b"]


def test_an_end_comes_behind_what_was_written_and_an_abortion_before() -> None:
    assert told(lambda t: (t.write(b"a"), t.close())) == [b"a", "close"]
    assert told(lambda t: (t.write(b"a"), t.write(b"b"), t.close())) == [[b"a", b"b"], "close"]
    assert told(lambda t: (t.write(b"a"), t.abort())) == ["abort"]


def test_a_client_receives_an_answer_whole() -> None:
    with serving() as process:
        address = urlsplit(process.url)
        with socket.create_connection((address.hostname, address.port), 30) as connection:
            for _ in range(50):
                connection.sendall(b"GET /healthz/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
                head, _, body = connection.recv(65536).partition(b"\r\n\r\n")
                assert b"content-length: %d" % len(body) in head
                assert body
