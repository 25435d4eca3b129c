"""`asg show`."""

import subprocess
import sys
from pathlib import Path

import pytest

from asg_autograd import grad, show
from asg_schema.document import Document

DOCUMENT = Document.from_json("""
{"asg": 1,
 "inputs": [{"id": "x", "dtype": "float32", "shape": ["batch"]}],
 "nodes": [{"id": "layer.0.y", "op": "exp", "inputs": ["x"]},
           {"id": "layer.0.z", "op": "tanh", "inputs": ["layer.0.y"]},
           {"id": "loss", "op": "sum", "inputs": ["layer.0.z"]}],
 "outputs": [{"name": "loss", "value": "loss"}]}
""")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.json"
    path.write_text(DOCUMENT.to_json(), encoding="utf-8")
    return path


def asg(*arguments: str | Path, text: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("asg")), *map(str, arguments)]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=60)


def test_from_standard_input_to_standard_output(file: Path) -> None:
    gradient = asg("grad", file, "--wrt", "x").stdout
    done = asg("show", "-", text=gradient)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == show(grad(DOCUMENT, wrt=["x"]))


@pytest.mark.parametrize(
    ("name", "beginning"), [("a.svg", "<svg "), ("a.dot", "digraph {"), ("a.gv", "digraph {"), ("a.mmd", "flowchart")]
)
def test_the_name_of_the_file_says_the_format(file: Path, name: str, beginning: str) -> None:
    target = file.with_name(name)
    assert asg("show", file, "-o", target).returncode == 0
    assert target.read_text(encoding="utf-8").startswith(beginning)


def test_options(file: Path) -> None:
    assert asg("show", file, "--format", "dot").stdout == show(DOCUMENT, format="dot")
    assert asg("show", file, "--depth", "0").stdout == show(DOCUMENT, depth=0)
    assert asg("show", file, "--scope", "layer.0").stdout == show(DOCUMENT, scope="layer.0")
    assert asg("show", file, "--max-nodes", "3").stdout == show(DOCUMENT, max_nodes=3)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--scope", "layr.0"], 1, 'asg: the document has no scope "layr.0"; did you mean "layer.0"?'),
        (["-o", "model.png"], 2, '"model.png" ends in none of .svg, .dot, .gv, .mmd'),
        (["--format", "png"], 2, "'png' is not one of"),
        (["--depth", "-1"], 2, "should be greater than or equal to 0"),
        (["--max-nodes", "0"], 2, "should be greater than or equal to 1"),
        (["-o", "no/such/folder/model.svg"], 1, "cannot write no/such/folder/model.svg"),
    ],
)
def test_what_is_wrong(file: Path, arguments: list[str], code: int, message: str) -> None:
    done = asg("show", file, *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in " ".join(done.stderr.replace("│", "").split())


def test_without_the_library_the_extra_is_named(file: Path) -> None:
    program = "import sys; sys.modules['pygraphviz'] = None\nfrom asg_schema.cli import main; main(sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", program, "show", str(file)], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("asg: a layout needs pygraphviz")
    assert 'pip install "asgraph[show]"' in done.stderr
    assert "Traceback" not in done.stderr
