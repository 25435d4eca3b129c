"""`asg conformance` against executors that are wrong in one point each: what it says, and that it fails."""

import json
import re
import subprocess
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from typing_extensions import override

import asg_executor
from asg_builder.client.transport import Transport
from asg_builder.conformance import Outcome, read_cases, run_cases, vector_folder
from asg_builder.conformance.comparison import difference
from asg_builder.conformance.report import json_report, text_report, write_table
from asg_executor.api.json_tensors import decode_tensors, encode_tensor
from asg_executor.errors import ExecutorError
from asg_schema.document import Document
from asg_schema.errors import AsgError, DocumentError
from executor_harness.server_process import ASG

Answer = tuple[int, Any]


class Executor:
    """An executor that is right. A subclass gets one thing wrong."""

    def __init__(self) -> None:
        self.documents: dict[str, Document] = {}

    def add(self, body: bytes) -> Answer:
        try:
            document = Document.from_json(body)
        except DocumentError as error:
            status = 400 if error.problems[0].code == "invalid_json" else 422
            return status, problem("invalid_document", [item._asdict() for item in error.problems])
        self.documents[document.digest] = document
        return 201, {"digest": document.digest}

    def run(self, digest: str, body: dict[str, Any]) -> Answer:
        document = self.documents[digest]
        types = {item.id: item.type for item in document.inputs}
        inputs, problems = decode_tensors("input", body["inputs"], types, "inputs")
        if problems:
            return 422, problem("interface_mismatch", [item._asdict() for item in problems])
        try:
            results = asg_executor.run(document, inputs, outputs=body.get("outputs"))
        except ExecutorError as error:
            return 422, problem(error.code, [])
        return 200, {"outputs": {name: encode_tensor(array) for name, array in results.items()}}


def problem(code: str, problems: list[Any]) -> dict[str, Any]:
    return {"code": code, "detail": "it is wrong", "problems": problems}


class WrongTanh(Executor):
    """Its tanh is off by a thousandth."""

    @override
    def run(self, digest: str, body: dict[str, Any]) -> Answer:
        status, answer = super().run(digest, body)
        if status == 200 and any(node.name == "tanh" for node in self.documents[digest].nodes):
            for tensor in answer["outputs"].values():
                tensor["data"] = [item * 1.001 if isinstance(item, float) else item for item in tensor["data"]]
        return status, answer


class Lenient(Executor):
    """It takes every document that is JSON."""

    @override
    def add(self, body: bytes) -> Answer:
        status, answer = super().add(body)
        return (201, {"digest": "0"}) if status == 422 else (status, answer)


class Clamping(Executor):
    """It answers zeros where an index is out of range."""

    @override
    def run(self, digest: str, body: dict[str, Any]) -> Answer:
        status, answer = super().run(digest, body)
        if status == 200 or answer["code"] != "index_out_of_range":
            return status, answer
        return 200, {"outputs": {"y0": encode_tensor(np.zeros(1))}}


class Forgetful(Executor):
    """It leaves an output out."""

    @override
    def run(self, digest: str, body: dict[str, Any]) -> Answer:
        status, answer = super().run(digest, body)
        return status, {"outputs": dict(list(answer["outputs"].items())[1:])} if status == 200 else answer


class OtherDigest(Executor):
    """Its digests are its own."""

    @override
    def add(self, body: bytes) -> Answer:
        status, answer = super().add(body)
        if status != 201:
            return status, answer
        self.documents["mine"] = self.documents[answer["digest"]]
        return 201, {"digest": "mine"}


class Failing(Executor):
    """It fails at every run."""

    @override
    def run(self, digest: str, body: dict[str, Any]) -> Answer:
        return 500, {"code": "internal_error", "detail": "a mistake"}


class OtherCodes(Executor):
    """It refuses documents without saying why."""

    @override
    def add(self, body: bytes) -> Answer:
        status, answer = super().add(body)
        return status, problem("invalid_document", []) if status == 422 else answer


class Crashing(Executor):
    """It drops the connection at every run that asks for a result of one operand."""

    @override
    def run(self, digest: str, body: dict[str, Any]) -> Answer:
        status, answer = super().run(digest, body)
        return (0, None) if list(body["inputs"]) == ["x0"] and body.get("outputs") == ["y0"] else (status, answer)


@contextmanager
def serving(executor: Executor) -> Generator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            *_, digest, last = self.path.split("/")
            status, answer = executor.add(body) if last == "graphs" else executor.run(digest, json.loads(body))
            if status == 0:
                self.close_connection = True
                return
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json" if status < 400 else "application/problem+json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        @override
        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


def conformance(url: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*ASG, "conformance", url, *options], capture_output=True, text=True, check=False)


def test_an_executor_that_is_right_passes() -> None:
    with serving(Executor()) as url:
        done = conformance(url, "--filter", "tan*", "--filter", "requests")
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line.split() for line in done.stdout.splitlines()]
    assert [row[0] for row in rows] == ["cases", "elementwise", "requests", "all"]
    assert rows[0] == ["cases", "passed", "failed"]
    assert [row[2] for row in rows[1:]] == ["0", "0", "0"]
    assert int(rows[3][1]) == int(rows[1][1]) + int(rows[2][1]) > 30


def test_an_op_that_is_wrong_is_told_with_what_was_expected() -> None:
    with serving(WrongTanh()) as url:
        done = conformance(url, "--filter", "tan", "--filter", "tanh")
        report = json.loads(conformance(url, "--filter", "tan", "--filter", "tanh", "--json").stdout)
    assert done.returncode == 1
    expected = (
        r'\n\ntanh\.smooth\n  output "y0": its element \[0\] is -0\.9960\d+; -0\.99505\d+ within 1\.8e-15 is expected\n'
    )
    assert re.search(expected, done.stdout)
    failed = {failure["id"] for failure in report["failures"]}
    assert {"tanh.smooth", "tanh.rank_0.gradient"} <= failed
    assert {failure["op"] for failure in report["failures"]} == {"tanh"}
    (file,) = report["files"]
    assert file["file"] == "elementwise"
    assert file["failed"] == report["failed"] == len(failed)
    assert file["passed"] == report["passed"] > 10


@pytest.mark.parametrize(
    ("executor", "filter", "id", "failure"),
    [
        (Lenient, "exp.*", "exp.refused.too_few_operands",
         'the document was accepted; it has the problems type_mismatch at "/nodes/0/inputs"'),
        (Clamping, "take.*", "take.fails.indices_beyond",
         "the run succeeded; it fails with HTTP 422 index_out_of_range"),
        (Forgetful, "exp.*", "exp.smooth", "the outputs are not an object with exactly y0"),
        (OtherDigest, "programs", "program.two_paths", "the digest is mine; "),
        (Failing, "exp.*", "exp.smooth", "the run failed: HTTP 500 internal_error: a mistake"),
        (Failing, "take.*", "take.fails.indices_beyond",
         "the run failed with HTTP 500 internal_error: a mistake; HTTP 422 index_out_of_range is expected"),
        (OtherCodes, "exp.*", "exp.refused.unknown_attribute",
         'the problems are none; expected are unknown_field at "/nodes/0/colour"'),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(executor: Callable[[], Executor], filter: str, id: str, failure: str) -> None:
    with serving(executor()) as url:
        transport = Transport(url)
        outcomes = run_cases(read_cases(patterns=[filter]), transport)
        transport.close()
    found = {outcome.case.id: outcome.failure for outcome in outcomes}
    assert (found[id] or "").startswith(failure)


def test_a_case_that_gets_no_answer_is_not_the_end() -> None:
    with serving(Crashing()) as url:
        transport = Transport(url, retries=0)
        outcomes = run_cases(read_cases(patterns=["exp.smooth", "exp.smooth.gradient"]), transport)
        transport.close()
    dropped, answered = outcomes
    assert re.fullmatch(r"POST http://\S+/run got no answer: Server disconnected .*", dropped.failure or "")
    assert answered.failure is None


def test_outcomes_are_told_as_they_come() -> None:
    cases = read_cases(patterns=["exp.*"])
    told: list[Outcome] = []
    with serving(Executor()) as url:
        transport = Transport(url)
        outcomes = run_cases(cases, transport, told.append)
        transport.close()
    assert [outcome.case for outcome in told] == cases
    assert told == outcomes
    assert all(outcome.failure is None for outcome in outcomes)


def test_no_executor() -> None:
    done = conformance("http://127.0.0.1:9", "--filter", "exp.smooth")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("asg: exp.smooth: POST http://127.0.0.1:9/v1/graphs got no answer: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("localhost:80",), 'asg: the address of an executor begins with http:// or https://, not "localhost:80"\n'),
        (("http://localhost", "--filter", "sofmax*"),
         "asg: no case has an id, an op or a file that matches sofmax*\n"),
    ],
)  # fmt: skip
def test_wrong_arguments(arguments: Iterable[str], message: str) -> None:
    done = conformance(*arguments)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", message)


def test_an_installation_without_vectors(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from asg_builder.conformance import vectors

    monkeypatch.setattr(vectors, "_INSTALLED", tmp_path / "installed")
    monkeypatch.setattr(vectors, "_IN_THE_REPOSITORY", tmp_path / "repository")
    with pytest.raises(AsgError, match=r"^the conformance vectors are missing from this installation; they belong in "):
        vector_folder()


def failed_outcomes(count: int) -> list[Outcome]:
    cases = read_cases(patterns=["elementwise"])
    return [Outcome(case, "it is [wrong]" if place < count else None) for place, case in enumerate(cases)]


def test_the_first_failures_are_shown_and_how_many_more_there_are() -> None:
    outcomes = failed_outcomes(25)
    text = text_report(outcomes)
    assert text.count("it is [wrong]") == 20
    assert text.endswith("\n\nand 5 more failures; --json lists all\n")
    assert len(json_report("http://x", outcomes)["failures"]) == 25


def test_the_table_on_a_terminal() -> None:
    console = Console(width=60, force_terminal=True, color_system=None, record=True, file=StringIO())
    outcomes = failed_outcomes(2)
    write_table(console, outcomes)
    text = console.export_text()
    row = next(line for line in text.splitlines() if "elementwise" in line)
    assert row.replace("│", " ").split() == ["elementwise", str(len(outcomes) - 2), "2"]
    assert f"\n{outcomes[0].case.id}\n  it is [wrong]\n" in text


def test_the_table_of_the_formats_description_is_what_is_printed() -> None:
    readme = Path(__file__).parents[2] / "schema" / "README.md"
    shown = re.search(r"--filter (\S+) --filter (\S+)\n(cases .*?)```", readme.read_text(encoding="utf-8"), re.DOTALL)
    assert shown is not None
    outcomes = [Outcome(case, None) for case in read_cases(patterns=[shown[1], shown[2]])]
    assert text_report(outcomes) == shown[3]


def tensor(dtype: str, shape: list[int], data: list[Any], **bounds: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data": data, **bounds}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (tensor("float64", [2], [1.0, "nan"]), tensor("float64", [2], [1.0, "nan"])),
        (tensor("float64", [2], ["inf", "-inf"]), tensor("float64", [2], ["inf", "-inf"], absolute=1.0)),
        (tensor("float64", [], [1]), tensor("float64", [], [1.0])),
        (tensor("float64", [], [1.25]), tensor("float64", [], [1.0], absolute=0.25)),
        (tensor("float64", [], [5.0]), tensor("float64", [], [4.0], relative=0.25)),
        (tensor("float64", [], [5.5]), tensor("float64", [], [4.0], relative=0.25, absolute=0.5)),
        (tensor("float64", [], [-0.0]), tensor("float64", [], [0.0])),
        (tensor("float32", [], [0.1]), tensor("float32", [], [0.10000000149011612])),
        (tensor("bfloat16", [], [0.100098]), tensor("bfloat16", [], [0.10009765625])),
        (tensor("int64", [1], [2**63 - 1]), tensor("int64", [1], [2**63 - 1])),
        (tensor("bool", [2], [True, False]), tensor("bool", [2], [True, False])),
        (tensor("float32", [0, 2], []), tensor("float32", [0, 2], [])),
    ],
)
def test_tensors_that_agree(answer: dict[str, Any], expected: dict[str, Any]) -> None:
    assert difference(answer, expected) is None


@pytest.mark.parametrize(
    ("answer", "expected", "message"),
    [
        ([1.0], tensor("float64", [1], [1.0]), 'it is no object with exactly the fields "dtype", "shape" and "data"'),
        (tensor("float64", [1], [1.0], unit="m"), tensor("float64", [1], [1.0]),
         'it is no object with exactly the fields "dtype", "shape" and "data"'),
        (tensor("float32", [1], [1.0]), tensor("float64", [1], [1.0]), "its dtype is float32; float64 is expected"),
        (tensor("float64", [], [1.0]), tensor("float64", [1], [1.0]), "its shape is []; [1] is expected"),
        (tensor("float64", [1], [1.0, 2.0]), tensor("float64", [1], [1.0]), "its data is no flat list of 1 elements"),
        (tensor("float64", [1], 1.0), tensor("float64", [1], [1.0]), "its data is no flat list of 1 elements"),  # pyright: ignore[reportArgumentType]
        (tensor("float64", [1, 2], [1.0, 2.5]), tensor("float64", [1, 2], [1.0, 2.0], absolute=0.25),
         "its element [0, 1] is 2.5; 2.0 within 2.5e-01 is expected"),
        (tensor("float64", [], [1.0000000000000002]), tensor("float64", [], [1.0]),
         "its element is 1.0000000000000002; 1.0 is expected"),
        (tensor("float64", [], ["nan"]), tensor("float64", [], [1.0], absolute=9.0),
         "its element is 'nan'; 1.0 within 9.0e+00 is expected"),
        (tensor("float64", [], [1.0]), tensor("float64", [], ["nan"], absolute=9.0),
         "its element is 1.0; 'nan' is expected"),
        (tensor("float64", [], [1e308]), tensor("float64", [], ["inf"], relative=1.0),
         "its element is 1e+308; 'inf' is expected"),
        (tensor("float64", [], ["inf"]), tensor("float64", [], [1e308], relative=1.0),
         "its element is 'inf'; 1e+308 within 1.0e+308 is expected"),
        (tensor("float64", [], ["-inf"]), tensor("float64", [], ["inf"]), "its element is '-inf'; 'inf' is expected"),
        (tensor("float64", [], [0.0]), tensor("float64", [], [-0.0], signed_zeros=True),
         "its element is 0.0; -0.0 is expected"),
        (tensor("float64", [], [None]), tensor("float64", [], ["nan"]),
         'its element is null; a number, "inf", "-inf" or "nan" is needed'),
        (tensor("float64", [], [True]), tensor("float64", [], [1.0]),
         'its element is true; a number, "inf", "-inf" or "nan" is needed'),
        (tensor("int8", [2], [1, 3]), tensor("int8", [2], [1, 2]), "its element [1] is 3; 2 is expected"),
        (tensor("int8", [], [1.0]), tensor("int8", [], [1]), "its element is 1.0; 1 is expected"),
        (tensor("int8", [], [True]), tensor("int8", [], [1]), "its element is true; 1 is expected"),
        (tensor("bool", [], [1]), tensor("bool", [], [True]), "its element is 1; true is expected"),
        (tensor("int64", [], [2**53]), tensor("int64", [], [2**53 + 1]),
         "its element is 9007199254740992; 9007199254740993 is expected"),
    ],
)  # fmt: skip
def test_tensors_that_differ(answer: Any, expected: dict[str, Any], message: str) -> None:
    assert difference(answer, expected) == message
