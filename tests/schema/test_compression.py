"""Files in gzip: the same bytes for the same content, all members, and a limit."""

import gzip
from pathlib import Path

import pytest

from asg_schema import Document, command_line, compression
from asg_schema.command_line import CommandError, read_bytes, read_document, write_text
from asg_schema.compression import CompressionError, compressed, decompressed, is_compressed

TEXT = '{"asg": 1, "name": "größe"}\n'


def test_what_is_compressed_has_no_name_and_no_time(tmp_path: Path) -> None:
    content = compressed(TEXT.encode())
    assert is_compressed(content)
    # RFC 1952: no flags, so no file name; four bytes of time, all 0; an unknown operating system.
    assert content[3] == 0
    assert content[4:8] == bytes(4)
    assert content[9] == 255
    assert gzip.decompress(content) == TEXT.encode()
    for name in ("first.json.gz", "second.json.gz"):
        write_text(TEXT, str(tmp_path / name))
        assert (tmp_path / name).read_bytes() == content


def test_a_document_goes_through_a_compressed_file(tmp_path: Path) -> None:
    path = str(tmp_path / "model.json.gz")
    document = Document.from_json(TEXT)
    write_text(document.to_json(), path)
    assert read_document(path) == document
    plain = str(tmp_path / "model.json")
    write_text(document.to_json(), plain)
    assert Path(plain).read_text(encoding="utf-8") == document.to_json()


def test_all_members_are_read() -> None:
    assert decompressed(compressed(b"one ") + compressed(b"two")) == b"one two"


def test_what_holds_too_much_is_refused_before_it_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = compressed(bytes(10_000_000))
    assert len(decompressed(content, most=10_000_000)) == 10_000_000
    with pytest.raises(CompressionError, match=r"more than 9,999,999 bytes when decompressed"):
        decompressed(content, most=9_999_999)
    path = tmp_path / "bomb.json.gz"
    path.write_bytes(content)
    monkeypatch.setattr(compression, "MOST_BYTES", 1000)
    with pytest.raises(CommandError, match=r"cannot read .*bomb\.json\.gz: it holds more than 1,000 bytes"):
        read_bytes(str(path))


@pytest.mark.parametrize("content", [b"{}", compressed(TEXT.encode())[:-3], compressed(b"a" * 100)[:20] + bytes(30)])
def test_what_is_not_a_whole_file_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.json.gz"
    path.write_bytes(content)
    with pytest.raises(command_line.CommandError, match=r"cannot read .*gz"):
        read_bytes(str(path))
