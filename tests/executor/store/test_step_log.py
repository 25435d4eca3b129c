"""The log of steps: what is appended is there after a crash, what a crash cut short is not, and damage is named."""

import errno
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from asg_executor.store.errors import DamagedFileError, StorageFullError, UnreliableFileError
from asg_executor.store.step_log import StepLog

PAYLOADS = {1: b"first", 2: b"", 3: b"third step"}
FRAMES = 128  # the bytes of a header and a trailer


def append(log: StepLog, number: int, payload: bytes) -> None:
    log.begin(number, [payload[:2], memoryview(payload)[2:]], sha256(payload).digest())
    log.finish(answer_to(number))


def answer_to(number: int) -> bytes:
    return sha256(f"answer {number}".encode()).digest()


def filled(directory: Path) -> StepLog:
    log = StepLog(directory, 0)
    for number, payload in PAYLOADS.items():
        append(log, number, payload)
    return log


def contents(directory: Path, after: int = 0) -> dict[int, bytes]:
    log = StepLog(directory, 0)
    try:
        return {step.number: step.payload for step in log.steps(after)}
    finally:
        log.close()


def on_disk(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.glob("*.log"))


def segment(directory: Path) -> Path:
    (path,) = directory.glob("*.log")
    return path


def test_what_was_appended_is_read_back(tmp_path: Path) -> None:
    filled(tmp_path).close()
    assert contents(tmp_path) == PAYLOADS
    assert contents(tmp_path, after=2) == {3: b"third step"}


def test_what_was_answered_is_read_back(tmp_path: Path) -> None:
    filled(tmp_path).close()
    for step in StepLog(tmp_path, 0).steps(0):
        assert step.answer == answer_to(step.number)
        assert step.digest == sha256(step.payload).digest()


def test_a_step_that_is_not_finished_does_not_count(tmp_path: Path) -> None:
    log = filled(tmp_path)
    log.begin(4, [b"never finished"], sha256(b"never finished").digest())
    log.close()
    log = StepLog(tmp_path, 0)
    assert (log.last, log.torn) == (3, 64 + len(b"never finished"))
    log.close()
    assert contents(tmp_path) == PAYLOADS


def test_another_begin_takes_the_place_of_one_that_is_not_finished(tmp_path: Path) -> None:
    log = filled(tmp_path)
    size = log.size
    log.begin(4, [b"a long payload that failed"], sha256(b"a long payload that failed").digest())
    assert log.size == size
    append(log, 4, b"short")
    log.begin(5, [b"x"], sha256(b"x").digest())
    log.begin_segment()
    append(log, 5, b"fifth")
    assert log.size == on_disk(tmp_path)
    log.close()
    assert contents(tmp_path) == {**PAYLOADS, 4: b"short", 5: b"fifth"}


def test_an_opened_log_goes_on(tmp_path: Path) -> None:
    filled(tmp_path).close()
    log = StepLog(tmp_path, 0)
    assert (log.last, log.torn, log.size) == (3, 0, on_disk(tmp_path))
    append(log, 4, b"fourth")
    log.close()
    assert contents(tmp_path) == {**PAYLOADS, 4: b"fourth"}


def test_a_step_out_of_order_is_a_mistake_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="step 5 cannot follow step 3"):
        append(filled(tmp_path), 5, b"")


def test_truncation_at_every_byte_leaves_the_whole_records_before_it(tmp_path: Path) -> None:
    filled(tmp_path / "log").close()
    path = segment(tmp_path / "log")
    whole = path.read_bytes()
    begin = whole.index(b"step", 12)
    ends = [begin]
    for payload in PAYLOADS.values():
        ends.append(ends[-1] + FRAMES + len(payload))
    assert ends[-1] == len(whole)
    for length in range(begin, len(whole)):
        path.write_bytes(whole[:length])
        kept = sum(length >= end for end in ends[1:])
        assert contents(tmp_path / "log") == {number: PAYLOADS[number] for number in range(1, kept + 1)}
        assert path.stat().st_size == ends[kept], "what was cut short is cut off"
    for length in range(begin):
        path.write_bytes(whole[:length])
        with pytest.raises(DamagedFileError, match="does not begin"):
            contents(tmp_path / "log")


def test_a_record_cut_short_is_told(tmp_path: Path) -> None:
    filled(tmp_path).close()
    path = segment(tmp_path)
    path.write_bytes(path.read_bytes()[:-3])
    log = StepLog(tmp_path, 0)
    assert (log.last, log.torn) == (2, FRAMES + len(b"third step") - 3)


def test_every_flipped_bit_is_found(tmp_path: Path) -> None:
    filled(tmp_path).close()
    path = segment(tmp_path)
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        with pytest.raises(DamagedFileError) as caught:
            contents(tmp_path)
        assert str(caught.value).startswith(str(path))


def test_segments_are_dropped_once_a_snapshot_has_their_steps(tmp_path: Path) -> None:
    log = filled(tmp_path)
    log.begin_segment()
    log.begin_segment()  # an empty one is used again
    append(log, 4, b"fourth")
    log.begin_segment()
    assert len(list(tmp_path.glob("*.log"))) == 3
    assert [step.number for step in log.steps(2)] == [3, 4]
    assert log.size == on_disk(tmp_path)
    log.drop_through(3)
    assert log.size == on_disk(tmp_path)
    assert contents(tmp_path, after=3) == {4: b"fourth"}
    with pytest.raises(DamagedFileError, match="begins with step 4, not 2"):
        contents(tmp_path, after=1)


def test_a_missing_segment_is_damage(tmp_path: Path) -> None:
    log = filled(tmp_path)
    for number in (4, 5):
        log.begin_segment()
        append(log, number, b"x")
    log.close()
    sorted(tmp_path.glob("*.log"))[1].unlink()
    with pytest.raises(DamagedFileError, match="ends with step 3; one is missing"):
        StepLog(tmp_path, 0)


def test_a_segment_that_is_cut_short_before_another_is_damage(tmp_path: Path) -> None:
    log = filled(tmp_path)
    log.begin_segment()
    log.close()
    path = min(tmp_path.glob("*.log"))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DamagedFileError, match="the record at byte 277 is cut short"):
        StepLog(tmp_path, 0)


def test_a_full_disk_keeps_nothing_of_a_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = filled(tmp_path)
    real = os.write
    room = [40]

    def write(descriptor: int, data: Any) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = real(descriptor, data[: room[0]])
        room[0] -= written
        return written

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write)
        with pytest.raises(StorageFullError, match="nothing was kept"):
            append(log, 4, b"a payload that does not fit")
    assert contents(tmp_path) == PAYLOADS
    append(log, 4, b"fits")
    log.close()
    assert contents(tmp_path) == {**PAYLOADS, 4: b"fits"}


def test_a_failed_flush_makes_the_log_unusable_until_it_is_opened_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = filled(tmp_path)

    def fsync(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        with pytest.raises(UnreliableFileError):
            append(log, 4, b"perhaps")
    with pytest.raises(UnreliableFileError, match="opened anew"):
        append(log, 4, b"never")
    assert contents(tmp_path)[3] == b"third step"


def test_damage_before_the_step_that_the_log_goes_on_from_does_not_matter(tmp_path: Path) -> None:
    log = filled(tmp_path)
    log.begin_segment()
    append(log, 4, b"fourth")
    log.close()
    old = min(tmp_path.glob("*.log"))
    old.write_bytes(old.read_bytes()[:-1] + b"?")
    log = StepLog(tmp_path, 3)
    assert [step.number for step in log.steps(3)] == [4]
    log.close()
    with pytest.raises(DamagedFileError, match="the trailer of a record"):
        StepLog(tmp_path, 2)
