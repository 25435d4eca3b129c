"""Checkpoints exported to URLs and imported from them: whole or not at all, and only where the settings allow it."""

import errno
import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from asg_executor.store.durable_files import write_file
from executor_harness.exports import ADAM, body, export, exported, exporting, names, take, take_in
from executor_harness.in_process import in_process
from executor_harness.problems import problem


@pytest.fixture(params=["file", "memory"])
def prefix(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"file://{tmp_path}/exports/" if request.param == "file" else f"memory://bucket/{tmp_path.name}/"


def test_an_exported_checkpoint_is_imported_and_restored_bit_for_bit(tmp_path: Path, prefix: str) -> None:
    with exporting(tmp_path) as server:
        session = exported(server, f"{prefix}run/1")
        digest = server.digest(session)
        take(server, session, 3)
        other = server.create_session(optimizer=ADAM, seed=9)
        response = take_in(server, other, f"{prefix}run/1/", name="from-elsewhere")
        assert (response.status_code, response.headers["Location"]) == (201, f"{other}/checkpoints/from-elsewhere")
        found = response.json()
        assert (found["step"], found["digest"], found["pinned"]) == (2, digest, True)
        assert found["metrics"] == {"loss": 0.5, "worst": "inf"}
        assert server.http.get(other).json()["step"] == 0, "the session itself stays as it is"
        assert server.http.post(f"{other}/checkpoints/from-elsewhere/restore").json()["digest"] == digest
        assert server.http.put(f"{other}/steps/2", json=body(2)).headers["Idempotent-Replayed"] == "true"
        assert take_in(server, other, f"{prefix}run/1").json()["name"] == "step-2"


def test_a_session_is_made_of_an_export_alone_on_another_server(tmp_path: Path) -> None:
    url = f"file://{tmp_path}/exports/run"
    with exporting(tmp_path) as server:
        session = exported(server, url)
        take(server, session, 3)
        description, digest = server.http.get(session).json(), server.digest(session)
    with in_process(data_dir=tmp_path / "other", export_urls=(f"file://{tmp_path}/exports/",)) as server:
        wish = {"url": url, "durability": {"snapshot_every": 2}}
        key = {"Idempotency-Key": "mine"}
        response = server.http.post("/v1/sessions/import", json=wish, headers=key)
        assert response.status_code == 201, response.text
        made = response.headers["Location"]
        again = server.http.post("/v1/sessions/import", json=wish, headers=key)
        assert (again.headers["Location"], again.headers["Idempotent-Replayed"]) == (made, "true")
        problem(server.http.post("/v1/sessions/import", json={"url": url}, headers=key), "creation_mismatch")
        found = response.json()
        assert found["durability"] == {"snapshot_every": 2}
        assert found["step"] == 2
        for field in ("graphs", "optimizer", "seed", "engine", "parameters"):
            assert found[field] == description[field]
        assert server.http.put(f"{made}/steps/2", json=body(2)).headers["Idempotent-Replayed"] == "true"
        take(server, made, 3, 4)
    with in_process(data_dir=tmp_path / "other") as server:
        assert server.http.get(made).json()["step"] == 4
    with in_process(export_urls=(f"file://{tmp_path}/exports/",)) as server:  # one that keeps nothing
        made = server.http.post("/v1/sessions/import", json={"url": url}).headers["Location"]
        take(server, made, 3)
        assert server.digest(made) == digest


def test_an_export_is_bounded_as_everything_else_is(tmp_path: Path) -> None:
    url = f"file://{tmp_path}/exports/run"
    with exporting(tmp_path) as server:
        session = exported(server, url)
    with exporting(tmp_path, max_nodes=5) as server:
        assert problem(server.http.post("/v1/sessions/import", json={"url": url}), "limit_exceeded")["maximum"] == 5
        problem(take_in(server, session, url), "limit_exceeded")
    with exporting(tmp_path, tenant_max_sessions=1) as server:
        problem(server.http.post("/v1/sessions/import", json={"url": url}), "quota_exceeded")
    with exporting(tmp_path, max_memory_bytes=100) as server:
        problem(server.http.post("/v1/sessions/import", json={"url": url}), "export_damaged")


def test_the_same_export_again_is_as_good_and_another_replaces_nothing(tmp_path: Path, prefix: str) -> None:
    with exporting(tmp_path) as server:
        session = exported(server, f"{prefix}a")
        assert export(server, session, f"{prefix}a").status_code == 200
        other = exported(server, f"{prefix}b", steps=1)
        assert "step 2" in problem(export(server, other, f"{prefix}a"), "export_exists")["detail"]
        assert take_in(server, other, f"{prefix}a").json()["step"] == 2
        again = take_in(server, other, f"{prefix}a").json()
        assert (again["name"], names(server, other)) == ("step-2", ["good", "step-2"])
        problem(take_in(server, other, f"{prefix}b", name="step-2"), "checkpoint_exists")


def test_without_a_manifest_there_is_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"file://{tmp_path}/exports/run"
    with exporting(tmp_path) as server:
        session = exported(server, url)
        content = (tmp_path / "exports/run/manifest.json").read_bytes()
        (tmp_path / "exports/run/manifest.json").unlink()
        problem(take_in(server, session, url), "unknown_export")
        problem(take_in(server, session, f"file://{tmp_path}/exports/never"), "unknown_export")
        assert export(server, session, url).status_code == 200, "what was interrupted is sent again"
        assert (tmp_path / "exports/run/manifest.json").read_bytes() == content


@pytest.mark.parametrize("failing", range(4))
def test_an_export_that_fails_at_any_file_counts_for_nothing(
    tmp_path: Path, failing: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"file://{tmp_path}/exports/run"
    with exporting(tmp_path) as server:
        session = server.create_session(optimizer=ADAM)
        assert server.http.post(f"{session}/checkpoints", json={"name": "good"}).status_code == 201
        original, calls = write_file, [0]

        def fail(path: Path, pieces: Any) -> None:
            calls[0] += 1
            if calls[0] == failing + 1:
                with monkeypatch.context() as patch:
                    patch.setattr(os, "write", full)
                    original(path, pieces)
            original(path, pieces)

        def full(descriptor: int, data: Any) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patch:
            patch.setattr("asg_executor.exports.places.write_file", fail)
            problem(export(server, session, url), "storage_full")
        assert calls == [failing + 1]
        problem(take_in(server, session, url), "unknown_export")
        assert not any(path.name.startswith(".") for path in (tmp_path / "exports/run").iterdir())
        assert export(server, session, url).status_code == 200
        assert take_in(server, session, url).status_code == 201


def damage(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    if how == "missing":
        path.unlink()
        return
    if how == "flipped":
        content[len(content) // 2] ^= 1
    elif how == "cut":
        del content[-1]
    elif how == "longer":
        content += b"\0"
    elif how == "empty":
        content.clear()
    path.write_bytes(content)


@pytest.mark.parametrize("how", ["missing", "flipped", "cut", "longer", "empty"])
@pytest.mark.parametrize("file", ["session-*", "state-*", "answer-*", "manifest.json"])
def test_a_damaged_export_is_named_and_changes_nothing(tmp_path: Path, file: str, how: str) -> None:
    with exporting(tmp_path) as server:
        session = exported(server, f"file://{tmp_path}/exports/run")
        (path,) = (tmp_path / "exports/run").glob(file)
        damage(path, how)
        response = take_in(server, session, f"file://{tmp_path}/exports/run")
        if (file, how) == ("manifest.json", "missing"):
            problem(response, "unknown_export")
        else:
            assert path.name in problem(response, "export_damaged")["detail"]
        assert names(server, session) == ["good"]


def forge(folder: Path, **changes: Any) -> None:
    """Change the manifest, and make its checksum right again."""
    path = folder / "manifest.json"
    fields = json.loads(path.read_text())
    fields.pop("checksum")
    fields |= changes
    checksum = sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode())
    path.write_text(json.dumps({**fields, "checksum": checksum.hexdigest()}))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"step": 3}, "state_mismatch"),
        ({"digest": "0" * 64}, "state_mismatch"),
        ({"step": -1}, "export_damaged"),
        ({"step": True}, "export_damaged"),
        ({"parts": 0}, "export_damaged"),
        ({"parts": 10**9}, "export_damaged"),
        ({"format": 2}, "export_damaged"),
        ({"files": {}}, "export_damaged"),
        ({"more": 1}, "export_damaged"),
        ({"files": {role: {"bytes": 2**60, "sha256": "0" * 64} for role in ("session", "state", "answer")}}, None),
        ({"files": {role: {"bytes": 1, "sha256": "../../x"} for role in ("session", "state", "answer")}}, None),
    ],
)
def test_a_forged_manifest_is_refused_before_anything_counts(
    tmp_path: Path, changes: dict[str, Any], code: str | None
) -> None:
    with exporting(tmp_path) as server:
        session = exported(server, f"file://{tmp_path}/exports/run")
        forge(tmp_path / "exports/run", **changes)
        problem(take_in(server, session, f"file://{tmp_path}/exports/run"), code or "export_damaged")
        assert names(server, session) == ["good"]


def test_the_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    with exporting(tmp_path) as server:
        exported(server, f"file://{tmp_path}/exports/run")
        other = server.create_session()
        detail = problem(take_in(server, other, f"file://{tmp_path}/exports/run"), "interface_mismatch")["detail"]
        assert "average:bias" in detail
        assert names(server, other) == []


def test_a_condition_holds_for_an_import(tmp_path: Path) -> None:
    url = f"file://{tmp_path}/exports/run"
    with exporting(tmp_path) as server:
        session = exported(server, url)
        path = f"{session}/checkpoints/import"
        response = server.http.post(path, json={"url": url}, headers={"If-Match": '"0"'})
        problem(response, "state_changed")
        headers = {"If-Match": f'"{server.digest(session)}"'}
        assert server.http.post(path, json={"url": url}, headers=headers).status_code == 201
