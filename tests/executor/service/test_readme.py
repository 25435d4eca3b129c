"""The executor's pages: their Python runs, their HTTP exchanges happen as written, their tables are complete."""

import json
import os
import re
from pathlib import Path
from typing import Any, cast

import pytest

from asg_autograd import grad
from asg_executor.machine_memory import machine_memory
from asg_executor.optimizers.choice import optimizer_kinds
from asg_executor.optimizers.kinds import KINDS
from asg_executor.optimizers.optimizer import Common
from asg_executor.optimizers.schedules.choice import SCHEDULES
from asg_executor.sessions.precision import LossScaling
from asg_executor.settings import Settings
from asg_schema.document import Document
from executor_harness.in_process import Server

EXECUTOR = Path(__file__).parents[3] / "executor"
# What is defined on the first page is used on the others.
PAGES = [EXECUTOR / "README.md", *sorted(EXECUTOR.glob("docs/*.md"))]
TEXT = "\n".join(page.read_text() for page in PAGES)
PYTHON = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
EXCHANGES = re.findall(r"```http\n(.*?)```", TEXT, re.DOTALL)
DOCUMENT = Document.from_json(re.findall(r'from_json\("""(.*?)"""\)', TEXT, re.DOTALL)[0])


def test_the_python_runs_and_gives_what_it_says() -> None:
    scope: dict[str, Any] = {}
    checked = 0
    for code in PYTHON:
        exec(code, scope)
        for expression, value in re.findall(r"^(run\(.*|session\..*?\]) +# ([\d.]+)", code, re.MULTILINE):
            found = eval(expression, scope)
            assert float(found.item()) == pytest.approx(float(value), rel=1e-2 if "average" in code else 1e-4)
            checked += 1
    assert checked == 7


def test_every_optimizer_and_schedule_stands_in_the_tables() -> None:
    rows = {row[0]: row[1] for row in re.findall(r"^\| (`.*?) \| (.*?) \|", TEXT, re.MULTILINE)}
    told = {kind: settings for kinds, settings in rows.items() for kind in re.findall(r"`(\w+)`", kinds)}
    for kind in optimizer_kinds():
        settings = KINDS[kind].model_fields.keys() - {"kind", "learning_rate"}
        assert set(re.findall(r"\w+", told[kind].partition(":")[0])) == settings
    for schedule in SCHEDULES:
        settings = schedule.model_fields.keys() - {"kind", "learning_rate"}
        written = re.sub(r"\(.*?\)|; no learning_rate", "", told[schedule.model_fields["kind"].default])
        assert set(re.findall(r"\w+", written)) == settings
    assert Common.model_fields.keys() <= told.keys()


def matches(pattern: Any, found: Any) -> bool:
    """Whether a body is as the README writes it; "…" stands for anything."""
    if pattern == "…":
        return True
    if isinstance(pattern, dict):
        fields = cast("dict[str, Any]", pattern)
        known = {key: value for key, value in fields.items() if key != "…"}
        return (known.keys() == found.keys() if len(known) == len(fields) else known.keys() <= found.keys()) and all(
            matches(value, found[key]) for key, value in known.items()
        )
    if pattern == ["…"]:
        return isinstance(found, list)
    return pattern == found


def parse(text: str) -> Any:
    """JSON in which a bare … stands for further fields, and […] for any list."""
    return json.loads(text.replace("[…]", '["…"]').replace(", …}", ', "…": 0}'))


def test_the_exchange_happens_as_written(server: Server) -> None:
    # The session of the first exchange is gone at its end; the graphs are still there.
    exchange = "\n\n".join(part.strip() for part in EXCHANGES)
    bodies = {
        "model.json": DOCUMENT.to_json(),
        "gradient.json": grad(DOCUMENT).to_json(),
        "scaled.json": grad(DOCUMENT, loss_scale=True).to_json(),
    }
    names: dict[str, str] = {}
    requests = 0
    for block in exchange.strip().split("\n\n"):
        request, answer = block.split("\n")
        for name, value in names.items():
            request = request.replace(f"<{name}>", value)
        method, path, *rest = request.split(maxsplit=2)
        content = bodies[rest[0].removeprefix("< ")] if rest and rest[0].startswith("<") else (rest or [None])[0]
        response = server.http.request(method, path, content=content, headers={"Accept": "application/json"})
        status, _, expected = answer.partition(" ")
        assert response.status_code == int(status), response.text
        for name in re.findall(r'"(?:digest|id)": "<(\w+)>"', expected):
            names[name] = response.json()["id" if name == "id" else "digest"]
            expected = expected.replace(f"<{name}>", names[name])
        if expected:
            assert matches(parse(expected), response.json()), (request, response.text)
        requests += 1
    assert requests == 23


def test_every_page_is_found_from_the_first_one() -> None:
    listed = re.findall(r"^\| \[.*?\]\((docs/\w+\.md)\)", PAGES[0].read_text(), re.MULTILINE)
    assert sorted(listed) == [str(page.relative_to(EXECUTOR)) for page in PAGES[1:]]


def test_every_request_stands_in_the_table(server: Server) -> None:
    rows = re.findall(r"^\| `(/\S+)` \| ([A-Z, ]+) \| \S", PAGES[0].read_text(), re.MULTILINE)
    described = server.http.get("/openapi.json").json()["paths"]
    assert {path: set(methods.lower().split(", ")) for path, methods in rows} == {
        path: set(operations) for path, operations in described.items() if not path.startswith("/v2")
    }


def test_every_setting_stands_in_the_table() -> None:
    rows = re.findall(r"^\| `ASG_(\w+)` \| (.*?) \| (.*?) \|$", TEXT, re.MULTILINE)
    assert [name.lower() for name, _, _ in rows] == list(Settings.model_fields)
    for name, default, description in rows:
        field = Settings.model_fields[name.lower()]
        assert description == field.description
        if name not in ("WORKERS", "MAX_HELD_BYTES"):
            assert default == str(field.default).lower()
    assert Settings().workers == min(4, os.cpu_count() or 1)
    assert Settings().max_held_bytes == machine_memory() // 4 * 3


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASG_MAX_BODY_BYTES", "17")
    assert Settings().max_body_bytes == 17
    assert Settings(max_body_bytes=18).max_body_bytes == 18


def test_every_setting_of_loss_scaling_stands_in_the_table() -> None:
    page = (EXECUTOR / "docs" / "precision.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| ([\d.]+) \| \S", page, re.MULTILINE))
    assert rows == {name: str(field.default) for name, field in LossScaling.model_fields.items()}
