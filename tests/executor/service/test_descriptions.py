"""What the service says about itself: `/v1`, `/openapi.json` and `/docs`."""

import html
import json
import re
from copy import deepcopy
from typing import Any, cast

import pytest

from asg_executor.api.answers.schemas import answer_schemas, written_schemas
from asg_executor.api.examples import examples
from asg_executor.api.problems import KINDS
from asg_executor.optimizers.choice import optimizer_kinds
from asg_executor.optimizers.schedules.choice import schedule_kinds
from asg_schema.dtype import DType
from asg_schema.op_table import OPS
from executor_harness.described_answers import description, fault
from executor_harness.in_process import Server, in_process
from executor_harness.regression import regression_json
from recorded_exchanges.recording import record

RESOURCES = {
    ("/v1/access", "get"),
    ("/v1", "get"),
    ("/v1/graphs", "post"),
    ("/v1/graphs/{digest}", "get"),
    ("/v1/graphs/{digest}/run", "post"),
    ("/v1/sessions", "get"),
    ("/v1/sessions", "post"),
    ("/v1/sessions/import", "post"),
    ("/v1/sessions/{session_id}", "get"),
    ("/v1/sessions/{session_id}", "delete"),
    ("/v1/sessions/{session_id}/run", "post"),
    ("/v1/sessions/{session_id}/steps/{number}", "put"),
    ("/v1/sessions/{session_id}/parameters", "get"),
    ("/v1/sessions/{session_id}/parameters", "put"),
    ("/v1/sessions/{session_id}/parameters/average", "get"),
    ("/v1/sessions/{session_id}/checkpoints", "get"),
    ("/v1/sessions/{session_id}/checkpoints", "post"),
    ("/v1/sessions/{session_id}/checkpoints/{name}", "get"),
    ("/v1/sessions/{session_id}/checkpoints/{name}", "delete"),
    ("/v1/sessions/{session_id}/checkpoints/{name}/restore", "post"),
    ("/v1/sessions/{session_id}/checkpoints/import", "post"),
    ("/v1/sessions/{session_id}/checkpoints/{name}/export", "post"),
    ("/v2", "get"),
    ("/v2/health/live", "get"),
    ("/v2/health/ready", "get"),
    ("/v2/models/stats", "get"),
    ("/v2/models/{model_name}", "get"),
    ("/v2/models/{model_name}/ready", "get"),
    ("/v2/models/{model_name}/config", "get"),
    ("/v2/models/{model_name}/stats", "get"),
    ("/v2/models/{model_name}/infer", "post"),
    ("/v2/models/{model_name}/versions/{version}", "get"),
    ("/v2/models/{model_name}/versions/{version}/ready", "get"),
    ("/v2/models/{model_name}/versions/{version}/config", "get"),
    ("/v2/models/{model_name}/versions/{version}/stats", "get"),
    ("/v2/models/{model_name}/versions/{version}/infer", "post"),
    ("/v2/repository/index", "post"),
    ("/v2/repository/models/{model_name}/load", "post"),
    ("/v2/repository/models/{model_name}/unload", "post"),
    ("/v1/sessions/{session_id}/steps/{number}/parts", "get"),
    ("/v1/sessions/{session_id}/steps/{number}/parts", "delete"),
    ("/v1/sessions/{session_id}/steps/{number}/parts/{part}", "put"),
    ("/v1/datasets", "get"),
    ("/v1/datasets", "post"),
    ("/v1/datasets/{dataset}", "get"),
    ("/v1/datasets/{dataset}", "delete"),
    ("/v1/sessions/{session_id}/jobs", "get"),
    ("/v1/sessions/{session_id}/jobs", "post"),
    ("/v1/jobs", "get"),
    ("/v1/jobs/{job_id}", "get"),
    ("/v1/jobs/{job_id}", "delete"),
    ("/v1/jobs/{job_id}/cancel", "post"),
    ("/v1/jobs/{job_id}/resume", "post"),
    ("/v1/jobs/{job_id}/events", "get"),
    ("/metrics", "get"),
    ("/healthz/live", "get"),
    ("/healthz/ready", "get"),
}

NEVER_DONE = {("/v2/repository/models/{model_name}/unload", "post")}

ANSWERS = (
    "Access", "Capabilities", "Checkpoint", "CreatedCheckpoint", "Dataset", "DatasetList", "ExportedState", "Graph",
    "GraphWithDocument", "InferenceAnswer", "Job", "JobFailure", "JobList", "JobNotice", "JobProgress", "JobReport",
    "JobStop", "JobWithHistory", "MicroBatchAnswer", "ModelConfig", "ModelMetadata", "ModelStatistics",
    "ParameterValues", "PartAnswer", "Parts", "Problem", "RestoredState", "RunAnswer", "Session", "SessionList",
    "SessionRunAnswer", "StepAnswer", "Tensor",
)  # fmt: skip

MAY_BE_ABSENT = {"id", "digest", "skipped"}

WITHOUT_BODY = {("/v1/jobs/{job_id}/cancel", "post"), ("/v1/jobs/{job_id}/resume", "post")}


def test_capabilities() -> None:
    with in_process(max_body_bytes=12345) as server:
        body = server.http.get("/v1").json()
    assert body["format_version"] == 1
    assert body["ops"] == sorted(OPS)
    assert body["dtypes"] == [dtype.value for dtype in DType]
    assert "numpy" in body["engines"]
    assert body["engine"] in body["engines"]
    assert body["optimizers"] == optimizer_kinds()
    assert {"adam", "muon", "document"} <= set(body["optimizers"])
    assert body["schedules"] == schedule_kinds()
    assert {"step", "one_cycle"} <= set(body["schedules"])
    assert body["limits"]["max_body_bytes"] == 12345


def test_openapi_describes_every_resource(server: Server) -> None:
    description = server.http.get("/openapi.json").json()
    found = {(path, method) for path, methods in description["paths"].items() for method in methods}
    assert found == RESOURCES
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            assert operation["description"], (path, method)
            has_body = method in ("post", "put") and (path, method) not in WITHOUT_BODY
            assert ("requestBody" in operation) == has_body
            assert "application/problem+json" in operation["responses"]["4XX"]["content"]


def fields_of(value: Any) -> Any:
    """The names of the fields of a JSON value, at every depth; of a list those of its first item."""
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return {name: fields_of(item) for name, item in fields.items()}
    return [fields_of(item) for item in cast("list[Any]", value)[:1]] if isinstance(value, list) else None


def test_the_examples_are_what_the_service_answers() -> None:
    recorded = record()
    assert fields_of(recorded) == fields_of(examples()), "make generate writes them anew"
    assert {name: item["status"] for name, item in recorded.items()} == {
        name: item["status"] for name, item in examples().items()
    }


def test_every_request_and_answer_in_json_has_an_example(server: Server) -> None:
    description = server.http.get("/openapi.json").json()
    for path, method in RESOURCES - NEVER_DONE:
        operation = description["paths"][path][method]
        answers = [operation["responses"].get(status, {}) for status in ("200", "201", "202")]
        in_json = [
            body["content"]["application/json"] for body in answers if "application/json" in body.get("content", {})
        ]
        assert not in_json or any("example" in content for content in in_json), (path, method)
        request = operation.get("requestBody", {}).get("content", {})
        if "application/json" in request:
            assert "example" in request["application/json"], (path, method)


def test_every_answer_has_a_schema_that_is_defined_once(server: Server) -> None:
    description = server.http.get("/openapi.json").json()
    for path, method in RESOURCES - NEVER_DONE:
        for status, answer in description["paths"][path][method]["responses"].items():
            assert status in ("204", "304") or answer["content"], (path, method, status)
            for media_type, content in answer.get("content", {}).items():
                schema = content["schema"]
                if media_type.endswith("json"):
                    forms = schema.get("anyOf") or [schema.get("items", schema)]
                    assert all(form.keys() == {"$ref"} for form in forms), (path, method, status)
                else:
                    assert schema["type"] == "string", (path, method, status)


def test_the_schemas_are_those_of_the_types() -> None:
    assert written_schemas() == answer_schemas(), "make generate writes them anew"


def test_the_schemas_of_answers_are_closed_and_say_what_each_field_is() -> None:
    schemas = written_schemas()
    for form in ANSWERS:
        schema = schemas[form]
        assert schema["additionalProperties"] is False, form
        for name, field in schema["properties"].items():
            assert field.get("description"), (form, name)


@pytest.mark.parametrize("name", sorted(examples()))
def test_the_examples_are_as_their_schemas_say(name: str) -> None:
    method, path = name.split(" ")
    answer = description()["paths"][path][method.lower()]["responses"][str(examples()[name]["status"])]
    content = answer["content"]["application/json"]
    assert fault(content["schema"], content["example"]) is None


@pytest.mark.parametrize("name", sorted(examples()))
def test_an_answer_with_another_field_or_with_one_less_is_not_as_described(name: str) -> None:
    method, path = name.split(" ")
    answer = description()["paths"][path][method.lower()]["responses"][str(examples()[name]["status"])]
    content = deepcopy(answer["content"]["application/json"])
    schema, example = content["schema"], content["example"]
    items: list[dict[str, Any]] = cast("list[dict[str, Any]]", example) if isinstance(example, list) else [example]
    for item in items:
        item["no_such_field"] = 1
        assert fault(schema, example) is not None
        del item["no_such_field"]
        assert fault(schema, example) is None
    if required := [field for field in items[0] if field not in MAY_BE_ABSENT]:
        del items[0][required[0]]
        assert fault(schema, example) is not None


def references(value: Any) -> set[str]:
    if isinstance(value, list):
        return set[str]().union(*map(references, cast("list[Any]", value)))
    if not isinstance(value, dict):
        return set()
    fields = cast("dict[str, Any]", value)
    own = {fields["$ref"]} if isinstance(fields.get("$ref"), str) else set[str]()
    return own.union(*map(references, fields.values()))


def test_openapi_refers_to_nothing_that_is_not_there(server: Server) -> None:
    description = server.http.get("/openapi.json").json()
    for reference in references(description):
        here: Any = description
        for part in reference.removeprefix("#/").split("/"):
            here = here[part]


def test_the_documentation_needs_nothing_from_elsewhere(server: Server) -> None:
    response = server.http.get("/docs")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert not re.search(r'(?:src|href)="(?!/openapi\.json|#)', response.text)
    assert "<script" not in response.text
    assert "@import" not in response.text


def test_the_documentation_has_every_resource_and_every_problem(server: Server) -> None:
    page = server.http.get("/docs").text
    for path, method in RESOURCES:
        assert f"<code>{method.upper()} {path}</code>" in page
    for code in KINDS:
        assert f'id="problem-{code}"' in page
    server.http.post("/v1/graphs", json=regression_json())
    kind = server.http.get("/v1/graphs/x").json()["type"]
    assert kind.partition("#")[0] == "/docs"
    assert f'id="{kind.partition("#")[2]}"' in page


def test_the_documentation_has_the_fields_of_every_answer(server: Server) -> None:
    page = server.http.get("/docs").text
    targets = re.findall(r'id="([^"]+)"', page)
    assert len(targets) == len(set(targets))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(targets)
    assert {f"form-{name}" for name in ANSWERS} <= set(targets)
    summary = f"<summary>Answer 200 in <code>application/json</code></summary>\n<p>{form_link('StepAnswer')} or "
    assert summary + form_link("MicroBatchAnswer") in page
    assert "<p>binary The tensors, by name; " in page
    fields = page.partition('id="form-Tensor"')[2].partition("<h4")[0]
    assert re.findall(r"<tr><td><code>(\w+)</code>", fields) == ["dtype", "shape", "data"]


def form_link(name: str) -> str:
    return f'<a href="#form-{name}">{name}</a>'


def test_the_documentation_shows_requests_and_answers(server: Server) -> None:
    page = html.unescape(server.http.get("/docs").text)
    assert '{"inputs": {"x": [[1.0, 2.0, 3.0]], "target": [[0.5]]}}' in page
    shown = [json.loads(text) for text in re.findall(r"<pre>([{[].*?)</pre>", page, re.DOTALL)]
    for example in examples().values():
        assert example["answer"] in shown
        assert example.get("request") in [None, *shown]


def test_the_documentation_reads_as_prose_and_names_this_service(server: Server) -> None:
    page = server.http.get("/docs", headers={"Host": "127.0.0.1:4321"}).text
    assert "curl http://127.0.0.1:4321/v1/sessions \\\n  -d &#x27;{" in page
    assert "`" not in page
    assert "With <code>If-Match</code> this happens only" in page
