"""What is made of the benchmark's results."""

import re
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.chart import draw_chart
from benchmarks.readme import replace_part
from benchmarks.report import markdown, print_report, report_tables
from benchmarks.results import Carrying, Concurrency, Machine, Results, Row, Timed
from benchmarks.steps import ASG, HTTP, JAX, TORCH, TORCH_COMPILE
from benchmarks.workloads import WORKLOADS

README = Path(__file__).parents[2] / "README.md"
PNG = b"\x89PNG\r\n\x1a\n"


def timed(median: float, first_step_seconds: float = 1.0) -> Timed:
    return Timed(
        minimum=median / 2,
        median=median,
        rounds=[median],
        steps=10,
        first_step_seconds=first_step_seconds,
        later_first_step_seconds=first_step_seconds / 4,
        stepping_bytes=3 * 1024 * 1024,
        most_bytes=5 * 1024 * 1024,
    )


def results() -> Results:
    rows = [
        Row(
            workload="one",
            description="one | first",
            timed={
                ASG: timed(0.5),
                HTTP: timed(1.5),
                TORCH: timed(2.0),
                TORCH_COMPILE: timed(1.0, 40.0),
                JAX: timed(4.0),
            },
            problems={},
            most_difference=1e-7,
            engine="numpy",
            product_share=0.25,
            product_operations=2_000_000,
            others_share=0.014,
        ),
        Row(
            workload="two",
            description="another",
            timed={ASG: timed(123.4), TORCH: timed(100.0)},
            problems={TORCH_COMPILE: "no compiler"},
            most_difference=0.0,
            engine="numpy",
            product_share=0.5,
            product_operations=123_400_000,
            others_share=None,
        ),
    ]
    return Results(
        machine=Machine(
            processor="P", cores=2, releases={ASG: "0.1", HTTP: "0.1", TORCH: "2.13", TORCH_COMPILE: "2.13"}
        ),
        seconds=1.0,
        rows=rows,
        concurrency=[Concurrency(workload="one", alone=100.0, together=180.0, ratio=1.8)],
        carrying=[
            Carrying(workload="one", bytes=524_288, minimum=0.5, median=0.75),
            Carrying(workload="two", bytes=32, minimum=0.1, median=12.34),
        ],
    )


def test_ratios_are_those_of_medians() -> None:
    one, two = results().rows
    assert one.fastest_peer == TORCH_COMPILE
    assert one.ratio(TORCH_COMPILE) == 0.5
    assert one.ratio(TORCH) == 0.25
    assert two.fastest_peer == TORCH
    assert two.ratio(JAX) is None


def test_tables_have_times_ratios_and_what_is_missing() -> None:
    times, first_steps, memory, at_once, over_http = report_tables(results())
    assert times.columns == [
        "workload",
        "ASG, numpy engine",
        "ASG over HTTP",
        "PyTorch 2.13 eager",
        "torch.compile",
        "JAX jit",
        "to the fastest peer",
        "products (GFLOP/s)",
    ]
    first = ["one | first", "0.250 / 0.500", "0.750 / 1.50", "1.00 / 2.00 (0.25)", "0.500 / 1.00 (0.50)"]
    assert times.rows[0] == [*first, "2.00 / 4.00 (0.12)", "**0.50**", "25% (4.00)"]
    second = ["another", "61.7 / 123", "not installed", "50.0 / 100 (1.23)", "failed", "not installed"]
    assert times.rows[1] == [*second, "**1.23**", "50% (1.00)"]
    assert first_steps.rows[0] == ["one | first", "1.00 / 0.25", "1.00 / 0.25", "40.00 / 10.00", "1.00 / 0.25"]
    assert at_once.rows == [["one", "100", "180", "1.80"]]
    assert over_http.rows == [
        ["one | first", "524,288", "0.750", "1.00", "3.00", "2.50"],
        ["another", "32", "12.3", "", "", "1.10"],
    ]
    assert memory.rows[1] == ["another", "3 / 5", "3 / 5", "failed", "not installed"]


def test_a_table_without_rows_is_left_out() -> None:
    assert len(report_tables(results().model_copy(update={"concurrency": [], "carrying": []}))) == 3


def test_markdown_is_tables_and_sentences() -> None:
    text = markdown(results(), "a/chart.png")
    assert "2 cores" in text
    assert "Other processes took at most 1% of the cores" in text
    assert "| one \\| first | 0.250 / 0.500 |" in text
    assert "](a/chart.png)" in text
    assert "torch.compile failed on the two: no compiler" in text
    tables = re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE)
    assert len(tables) == 5
    for table in tables:
        assert len({line.replace("\\|", "").count("|") for line in table.splitlines()}) == 1, (
            "as many cells in each row"
        )


def test_the_terminal_shows_the_same() -> None:
    console = Console(width=200)
    with console.capture() as captured:
        print_report(console, results())
    shown = captured.get()
    for cell in (cell for table in report_tables(results()) for row in table.rows for cell in row):
        assert cell.replace("**", "") in shown


def test_results_come_back_from_json() -> None:
    assert Results.model_validate_json(results().model_dump_json()) == results()


def test_the_chart_is_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "chart.png"
    draw_chart(results(), path)
    content = path.read_bytes()
    assert content.startswith(PNG)
    width, height = (int.from_bytes(content[begin : begin + 4]) for begin in (16, 20))
    assert width > 800
    assert height > 200


def test_a_part_of_a_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text("before\n<!-- x: begin -->\nold\n<!-- x: end -->\nafter\n")
    for _ in range(2):
        replace_part(path, "x", "\nnew\n\ntext\n")
        assert path.read_text() == "before\n<!-- x: begin -->\nnew\n\ntext\n<!-- x: end -->\nafter\n"


@pytest.mark.parametrize(
    "content",
    [
        "no part\n",
        "<!-- x: begin -->\n",
        "<!-- x: end -->\n<!-- x: begin -->\n",
        "<!-- x: begin -->\n<!-- x: end -->\n<!-- x: begin -->\n<!-- x: end -->\n",
    ],
)
def test_a_file_without_the_part_is_left_alone(tmp_path: Path, content: str) -> None:
    path = tmp_path / "page.md"
    path.write_text(content)
    with pytest.raises(ValueError, match="<!-- x: begin -->"):
        replace_part(path, "x", "new")
    assert path.read_text() == content


def test_the_readme_has_a_part_for_the_tables(tmp_path: Path) -> None:
    copy = tmp_path / "README.md"
    content = README.read_text()
    copy.write_text(content)
    replace_part(copy, "side by side", markdown(results(), "benchmarks/side_by_side.png"))
    begin, end = content.index("<!-- side by side: begin -->"), content.index("<!-- side by side: end -->")
    changed = copy.read_text()
    assert changed.startswith(content[:begin])
    assert changed.endswith(content[end:])
    assert "| another | 61.7 / 123 |" in changed


def test_the_readme_has_every_workload_and_its_chart() -> None:
    content = README.read_text()
    part = content[content.index("<!-- side by side: begin -->") : content.index("<!-- side by side: end -->")]
    for workload in WORKLOADS:
        assert part.count(f"| {workload.description} |") == 4, workload.name
    chart = README.parent / "benchmarks" / "side_by_side.png"
    assert f"({chart.relative_to(README.parent)})" in part
    assert chart.read_bytes().startswith(PNG)
