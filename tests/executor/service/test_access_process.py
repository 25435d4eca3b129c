"""Keys of a real server: made before it and beside it, needed where others reach it, and written nowhere."""

import json
import os
import signal
from pathlib import Path

import httpx
import pytest

from asg_builder.client import AccessDenied, Client
from executor_harness.access import bearer
from executor_harness.command import asg
from executor_harness.regression import regression, regression_data, regression_gradient
from executor_harness.server_process import serving


def make_key(capsys: pytest.CaptureFixture[str], data: Path, *options: str) -> dict[str, str]:
    made = asg(capsys, data.parent, "keys", "create", "--name", "x", "--data-dir", str(data), "--json", *options)
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout)


def test_other_machines_need_a_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    options = ["--host", "0.0.0.0", "--data-dir", str(data)]

    def refused() -> str:
        found = asg(capsys, tmp_path, "serve", "--port", "0", *options)
        assert found.returncode == 2
        return found.stderr

    assert "other machines can reach 0.0.0.0, and there is no key" in refused()
    assert f"asg keys create --name NAME --data-dir {data}" in refused()
    assert not data.exists()
    revoked = make_key(capsys, data)
    assert asg(capsys, tmp_path, "keys", "revoke", revoked["id"], "--data-dir", str(data)).returncode == 0
    assert "there is no key" in refused(), "a revoked one does not count"
    key = make_key(capsys, data, "--scope", "admin")
    with serving(options) as process:
        url = f"http://127.0.0.1:{process.url.rpartition(':')[2]}"
        for path in ("/v1/sessions", "/metrics"):
            assert httpx.get(f"{url}{path}").status_code == 401
            assert httpx.get(f"{url}{path}", headers=bearer(key["key"])).status_code == 200
        for path in ("/healthz/live", "/v1", "/docs", "/openapi.json"):
            assert httpx.get(f"{url}{path}").status_code == 200
        # Under any name: a page of another web site has no key.
        assert httpx.get(f"{url}/v1/access", headers={**bearer(key["key"]), "Host": "asg.example"}).status_code == 200


def test_keys_that_are_required_have_to_be_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = asg(capsys, tmp_path, "serve", "--port", "0", "--require-key")
    assert found.returncode == 2
    assert "keys are required (ASG_REQUIRE_KEY), and there is no key" in found.stderr
    assert "DIRECTORY, and name that with --data-dir" in found.stderr
    assert "--allow-remote" not in found.stderr


def test_a_server_that_is_running_heeds_the_command_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    data = tmp_path / "data"
    data_set = regression_data()
    first = make_key(capsys, data, "--tenant", "research")
    with serving(["--data-dir", str(data), "--require-key"]) as process:
        second = make_key(capsys, data, "--tenant", "others", "--scope", "run")
        with Client(process.url, api_key=first["key"]) as client, Client(process.url, api_key=second["key"]) as other:
            session = client.create_session(
                {"predict": regression(), "train": regression_gradient()}, {"kind": "sgd", "learning_rate": 0.1}
            )
            session.step(x=data_set["x"], target=data_set["target"])
            assert client.access()["tenant"] == "research"
            assert other.sessions() == []
            with pytest.raises(AccessDenied, match='has the scope "run", and this needs "train"'):
                other.add_graph(regression())
            assert asg(capsys, tmp_path, "keys", "revoke", first["id"], "--data-dir", str(data)).returncode == 0
            with pytest.raises(AccessDenied, match="was revoked; asg keys create makes another"):
                session.step(x=data_set["x"], target=data_set["target"])
            assert other.access()["key"] == second["id"]
        third = make_key(capsys, data, "--tenant", "research")
        with Client(process.url, api_key=third["key"]) as client:
            assert client.session(session.id).number == 1
        assert caplog.text, "the client's libraries say what they do"
        assert not any(key["key"][13:] in caplog.text for key in (first, second, third))
        with Client(process.url, api_key="") as client, pytest.raises(AccessDenied, match="this service needs a key"):
            client.sessions()


def test_a_key_is_written_nowhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    key = make_key(capsys, data, "--tenant", "research", "--scope", "admin")
    secret = key["key"].split("_", 2)[2]
    wrong = f"asg_{key['id']}_{secret[::-1]}"
    environment = {**os.environ, "ASG_LOG_LEVEL": "debug"}
    with serving(["--data-dir", str(data), "--require-key"], environment) as process:
        answers: list[httpx.Response] = []
        with httpx.Client(base_url=process.url) as http:
            for token in (key["key"], wrong):
                answers.append(http.post("/v1/graphs", content=regression().to_json(), headers=bearer(token)))
                answers.append(http.post("/v1/graphs", content="{", headers=bearer(token)))
                answers.append(http.get("/v1/sessions/none", headers=bearer(token)))
                answers.append(http.put("/v1/sessions/none/steps/1", headers=bearer(token)))
                answers.append(http.get("/metrics", headers=bearer(token)))
                answers.append(http.delete("/v1", headers=bearer(token)))
            answers.append(http.get("/metrics", headers=bearer(key["key"])))
        process.popen.send_signal(signal.SIGTERM)
        _, text = process.popen.communicate(timeout=60)
    assert {answer.status_code for answer in answers} == {201, 200, 400, 401, 404, 405}
    assert f'"key": "{key["id"]}"' in text, "the log says whose request it was"
    for part in (secret, secret[::-1]):
        assert part not in text
        assert not any(part in f"{answer.headers}{answer.text}" for answer in answers)
        assert [path for path in data.rglob("*") if path.is_file() and part.encode() in path.read_bytes()] == []
