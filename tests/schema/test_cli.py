"""The commands on documents, as a person and as a program use them."""

import gzip
import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pytest

from asg_schema import OPS, Document, cli, command_line
from asg_schema.json_schema import json_schema_text
from asg_schema.op_reference import op_reference

ASG = [sys.executable, "-c", "from asg_schema.cli import main; main()"]
DOCUMENT: dict[str, Any] = {
    "asg": 1,
    "name": "regression",
    "inputs": [{"id": "x", "dtype": "float32", "shape": ["batch", 3]}],
    "parameters": [
        {"id": "weight", "dtype": "float32", "shape": [300, 3], "init": {"kind": "uniform", "low": -0.5}},
        {"id": "mean", "dtype": "float32", "shape": [300], "trainable": False},
    ],
    "nodes": [
        {"id": "y", "op": "linear", "inputs": ["x", "weight"]},
        {"id": "half", "op": "full", "dtype": "float32", "shape": [{"mul": ["batch", 2]}], "value": 0.5},
        {"id": "new_mean", "op": "mean", "inputs": ["y"], "axis": [0]},
    ],
    "outputs": [
        {"name": "y", "value": "y"},
        {"name": "mean", "value": "new_mean", "role": {"kind": "state_update", "of": "mean"}},
        {"name": "g", "value": "weight", "role": {"kind": "gradient", "of": "y", "wrt": "weight"}},
    ],
}
LISTING = """\
regression  (ASG 1, digest DIGEST)

inputs
  x  float32[batch, 3]

parameters
  weight  float32[300, 3]  900  uniform(low=-0.5)
  mean    float32[300]     300  zeros, not trainable

nodes
  y         = linear(x, weight)                             : float32[batch, 300]
  half      = full(dtype=float32, shape=[2*batch], value=0.5)  : float32[2*batch]
  new_mean  = mean(y, axis=[0])                             : float32[300]

outputs
  y     = y         : float32[batch, 300]
  mean  = new_mean  : float32[300]         state update of mean
  g     = weight    : float32[300, 3]      gradient of y by weight

1 input, 2 parameters (1,200 elements, 4.7 KiB), 3 nodes, 3 outputs
"""


@pytest.fixture
def path(tmp_path: Path) -> str:
    file = tmp_path / "model.json"
    file.write_text(json.dumps(DOCUMENT), encoding="utf-8")
    return str(file)


class Done(NamedTuple):
    stdout: str
    stderr: str


class Run(Protocol):
    def __call__(self, *arguments: str, text: str | bytes = "", returncode: int = 0) -> Done: ...


@pytest.fixture
def asg(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command in this process, with `text` as its standard input."""

    def run(*arguments: str, text: str | bytes = "", returncode: int = 0) -> Done:
        content = text.encode() if isinstance(text, str) else text
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        with pytest.raises(SystemExit) as caught:
            cli.main(arguments)
        said = capsys.readouterr()
        assert (caught.value.code or 0) == returncode, said.err
        return Done(said.out, said.err)

    return run


def test_validate(asg: Run, path: str) -> None:
    done = asg("validate", path)
    assert done.stdout == "valid: regression: 1 input, 2 parameters (1,200 elements, 4.7 KiB), 3 nodes, 3 outputs\n"
    answer = json.loads(asg("validate", path, "--json").stdout)
    assert answer == {"valid": True, "digest": Document.from_dict(DOCUMENT).digest, "problems": [], "more": 0}


def test_an_invalid_document_is_told_on_standard_error(asg: Run) -> None:
    text = json.dumps({"asg": 1, "nodes": [{"id": "a", "op": "ad"}], "outputs": [{"name": "y", "value": "b"}]})
    wanted = [
        '/nodes/0/op: node "a" (ad): there is no op "ad"; did you mean "pad"?',
        '/outputs/0/value: output "y": there is no value "b"',
    ]
    for command in ("validate", "describe", "infer", "digest"):
        done = asg(command, "-", text=text, returncode=1)
        assert done.stdout == ""
        assert done.stderr.splitlines() == ["asg: standard input: 2 problems", *wanted]
    answer = json.loads(asg("validate", "-", "--json", text=text, returncode=1).stdout)
    assert answer["valid"] is False
    assert [f"{item['pointer']}: {item['message']}" for item in answer["problems"]] == wanted
    assert [item["code"] for item in answer["problems"]] == ["unknown_op", "unknown_value"]


def squeezed(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines() if line.strip()]


def test_describe_is_aligned_text_in_a_pipe(asg: Run, path: str) -> None:
    done = asg("describe", path)
    assert squeezed(done.stdout) == squeezed(LISTING.replace("DIGEST", Document.from_dict(DOCUMENT).digest[:12]))
    lines = done.stdout.splitlines()
    nodes = lines[lines.index("nodes") + 1 :][:3]
    assert len({line.index(" : ") for line in nodes}) == 1
    assert len({line.index("= ") for line in nodes}) == 1
    assert "\x1b" not in done.stdout


def test_describe_is_coloured_on_a_terminal(path: str) -> None:
    primary, secondary = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "200"}
    environment.pop("NO_COLOR", None)
    subprocess.run([*ASG, "describe", path], stdout=secondary, check=True, env=environment)
    os.close(secondary)
    output = b""
    while chunk := _read(primary):
        output += chunk
    os.close(primary)
    assert b"\x1b[" in output
    assert "linear(x, weight)" in output.decode()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # the other end is closed
        return b""


def test_infer(asg: Run, path: str) -> None:
    done = asg("infer", path)
    assert done.stdout.splitlines()[-2:] == ["half      float32[2*batch]", "new_mean  float32[300]"]
    types = json.loads(asg("infer", path, "--json").stdout)
    assert types["half"] == {"dtype": "float32", "shape": [{"mul": ["batch", 2]}]}
    assert list(types) == list(Document.from_dict(DOCUMENT).types)


def test_digest_of_a_file_of_standard_input_and_of_a_compressed_file(asg: Run, path: str, tmp_path: Path) -> None:
    expected = Document.from_dict(DOCUMENT).digest
    compressed = tmp_path / "model.json.gz"
    compressed.write_bytes(gzip.compress(json.dumps(DOCUMENT).encode()))
    assert asg("digest", path).stdout == f"{expected}\n"
    assert asg("digest", "-", text=json.dumps(DOCUMENT)).stdout == f"{expected}\n"
    assert json.loads(asg("digest", str(compressed), "--json").stdout) == {"digest": expected}
    assert asg("digest", "-", text=compressed.read_bytes()).stdout == f"{expected}\n"


def test_ops(asg: Run) -> None:
    listed = asg("ops").stdout
    assert all(f"  {name} " in listed for name in OPS)
    explained = asg("ops", "softmax").stdout
    assert explained.startswith("### softmax\n")
    assert "divide" in explained
    assert asg("ops", "--markdown").stdout == op_reference()
    described = json.loads(asg("ops", "--json").stdout)
    assert [item["op"] for item in described] == list(OPS)
    (clip,) = json.loads(asg("ops", "clip", "--json").stdout)
    assert clip["attributes"] == ["min", "max"]
    assert clip["operands"][0]["name"] == "x"
    assert asg("ops", "sofmax", returncode=1).stderr == 'asg: there is no op "sofmax"; did you mean "softmax"?\n'


def test_schema(asg: Run) -> None:
    assert asg("schema").stdout == json_schema_text()


def test_help_and_version(asg: Run) -> None:
    done = asg("--help")
    assert all(name in done.stdout for name, _ in cli.commands)
    assert asg("--version").stdout.startswith("asg ")
    assert "DOC" in asg("validate", "--help").stdout


def test_the_help_does_not_wait_for_what_other_commands_import() -> None:
    code = (
        "import sys; from asg_schema import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: print('LOADED', *sorted({'fastapi', 'uvicorn', 'httpx', 'tenacity'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "serve" in result.stdout
    assert "demo" in result.stdout
    assert result.stdout.splitlines()[-1].strip() == "LOADED"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["validate"], "Missing argument 'DOC'"),
        (["validate", "-", "--jsn"], "No such option"),
        (["validat", "-"], "No such command 'validat'"),
        (["--nonsense"], "No such option"),
        (["ops", "--json", "--markdown"], "--json and --markdown exclude each other"),
        (["describe", "-", "--symbol", "batch=2"], "--symbol is for --stats and --engine"),
    ],
)
def test_wrong_usage_ends_with_2(asg: Run, arguments: list[str], said: str) -> None:
    assert said in asg(*arguments, returncode=2).stderr


def test_files_that_cannot_be_read(asg: Run, tmp_path: Path) -> None:
    missing, broken = str(tmp_path / "missing.json"), tmp_path / "broken.json.gz"
    assert asg("validate", missing, returncode=1).stderr == f"asg: cannot read {missing}: No such file or directory\n"
    assert "Is a directory" in asg("describe", str(tmp_path), returncode=1).stderr
    broken.write_bytes(gzip.compress(b"{}" * 100)[:-9])
    assert "not a whole gzip file" in asg("digest", str(broken), returncode=1).stderr
    broken.write_bytes(b"{}")
    assert "Not a gzipped file" in asg("digest", str(broken), returncode=1).stderr


def test_what_does_not_fit_into_memory_gets_a_message(asg: Run, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def decompress(content: bytes) -> bytes:
        raise MemoryError

    monkeypatch.setattr(command_line, "decompressed", decompress)
    done = asg("digest", "-", text=gzip.compress(Path(path).read_bytes()), returncode=1)
    assert done.stderr == "asg: there is not enough memory for this\n"


@pytest.mark.parametrize("text", [b"", b"\xff", b"[" * 100_000, b'{"asg": 1, "metadata": ' + b"9" * 5000 + b"}", b"3"])
def test_hostile_text_gets_a_message(asg: Run, text: bytes) -> None:
    assert asg("validate", "-", text=text, returncode=1).stderr.startswith("asg: standard input: 1 problem\n/: ")


def test_a_reader_that_has_seen_enough() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*ASG, "ops", "softmax"], stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the device that is always full is Linux's")
def test_a_full_disk() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*ASG, "schema"], stdout=full, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (1, b"asg: No space left on device\n")


def test_an_interrupt_ends_quietly(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    class Interrupted(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(Interrupted()))
    with pytest.raises(SystemExit) as caught:
        cli.main(["validate", "-"])
    assert caught.value.code == 130
    assert "Traceback" not in capsys.readouterr().err


def run_main(monkeypatch: pytest.MonkeyPatch, entries: Sequence[EntryPoint], arguments: list[str]) -> int:
    def found(group: str) -> Sequence[EntryPoint]:
        assert group == "asg.commands"
        return entries

    monkeypatch.setattr(cli, "entry_points", found)
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert isinstance(caught.value.code, int)
    return caught.value.code


SCHEMA = EntryPoint("schema", "asg_schema.cli:commands", "asg.commands")
ABSENT = EntryPoint("absent", "a_library_that_is_not_there:commands", "asg.commands")


def test_a_part_that_cannot_be_imported_does_not_break_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], path: str
) -> None:
    assert run_main(monkeypatch, [ABSENT, SCHEMA], ["digest", path]) == 0
    assert run_main(monkeypatch, [ABSENT, SCHEMA], ["--help"]) == 0
    assert "a_library_that_is_not_there is not" in capsys.readouterr().out
    assert run_main(monkeypatch, [ABSENT, SCHEMA], ["train"]) == 2
    said = capsys.readouterr().err
    assert 'asg: The commands of "absent" are not available: a_library_that_is_not_there is not installed' in said


def test_without_the_executor_no_engine_can_be_described(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], path: str
) -> None:
    assert run_main(monkeypatch, [SCHEMA, ABSENT], ["describe", path, "--engine", "numpy"]) == 1
    said = capsys.readouterr().err
    assert said.startswith('asg: there is no command asg plan: the commands of "absent" are not available: ')


def test_a_command_whose_library_is_missing_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "lazy_part.py").write_text("def go():\n    import no_such_library\ncommands = [('go', go)]\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    lazy = EntryPoint("lazy", "lazy_part:commands", "asg.commands")
    assert run_main(monkeypatch, [SCHEMA, lazy], ["go"]) == 1
    wanted = 'asg: no_such_library is not installed; install it with: pip install "no_such_library"\n'
    assert capsys.readouterr().err == wanted


def test_parts_are_imported_without_a_search_for_garbage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    source = "import gc\nsearching = gc.isenabled()\ndef go():\n    print(searching, gc.isenabled())\n"
    (tmp_path / "noting_part.py").write_text(source + "commands = [('go', go)]\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert run_main(monkeypatch, [SCHEMA, EntryPoint("noting", "noting_part:commands", "asg.commands")], ["go"]) == 0
    assert capsys.readouterr().out == "False True\n"


def test_the_commands_of_the_executor_need_no_other_part_and_no_engine() -> None:
    code = (
        "import sys; from asg_schema.cli import main\n"
        "try:\n    main(['keys', '--help'])\n"
        "finally:\n    print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = set(done.stdout.splitlines()[-1].split())
    assert "asg_executor" in imported
    assert not imported & {"asg_autograd", "asg_builder", "numpy", "scipy", "llvmlite", "fastapi"}


def test_the_extra_that_is_named_like_the_part_is_what_to_install() -> None:
    from importlib.metadata import entry_points

    from asg_schema.command_line import missing_module

    executor = next(entry for entry in entry_points(group="asg.commands") if entry.name == "executor")
    assert executor.dist is not None
    assert "executor" in executor.dist.metadata.get_all("Provides-Extra", [])
    said = missing_module(ModuleNotFoundError("no", name="fastapi"), "executor")
    assert said == 'fastapi is not installed; install it with: pip install "asgraph[executor]"'


def test_the_commands_of_all_parts_have_names_of_their_own() -> None:
    from importlib.metadata import entry_points

    names = [name for entry in entry_points(group="asg.commands") for name, _ in entry.load()]
    assert len(set(names)) == len(names)
