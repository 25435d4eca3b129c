"""Where checkpoints are exported to and imported from: only where the settings allow it."""

import importlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from asg_executor.access.principal import ANYONE, Principal, Scope
from asg_executor.api.exports import allowed_prefixes
from asg_executor.settings import Settings
from executor_harness.access import bearer
from executor_harness.exports import export, exported, exporting, take_in
from executor_harness.in_process import in_process
from executor_harness.problems import problem


def test_tenants_export_below_their_own_urls_alone() -> None:
    urls = ("s3://bucket/{tenant}/", "file:///exports/")
    train, admin = frozenset({Scope.TRAIN}), frozenset({Scope.ADMIN})
    assert allowed_prefixes(urls, Principal("blue", train)) == ["s3://bucket/blue/"]
    assert allowed_prefixes(urls, Principal("blue", admin)) == ["s3://bucket/blue/", "file:///exports/"]
    assert allowed_prefixes(urls, Principal("..", train)) == []
    assert allowed_prefixes(urls, Principal("a/b", train)) == []
    assert allowed_prefixes(urls, ANYONE) == ["file:///exports/"]


def test_with_keys_a_tenant_exports_below_its_own_url_and_sees_no_others(tmp_path: Path) -> None:
    root = f"file://{tmp_path}/exports"
    with in_process(data_dir=tmp_path / "data", require_key=True, export_urls=(f"{root}/{{tenant}}/",)) as server:
        keys = server.app.state.service.keys
        blue, red = (bearer(keys.create("a key", tenant, Scope.TRAIN)[0]) for tenant in ("blue", "red"))
        server.http.headers.update(blue)
        exported(server, f"{root}/blue/a")
        allowed = problem(export(server, server.create_session(), f"{root}/red/a"), "export_not_allowed")["detail"]
        assert f"below {root}/blue/" in allowed
        assert "red" not in allowed.replace(f'url is "{root}/red/a"', "")
        server.http.headers.update(red)
        for url in (f"{root}/blue/a", f"{root}/red/../blue/a", f"{root}/red/%2e%2e/blue/a", f"{root}//blue/a"):
            problem(server.http.post("/v1/sessions/import", json={"url": url}), "export_not_allowed")
        problem(server.http.post("/v1/sessions/import", json={"url": f"{root}/red/a"}), "unknown_export")
        server.http.headers.update(blue)
        taken = server.http.post("/v1/sessions/import", json={"url": f"{root}/blue/a"})
        assert (taken.status_code, taken.json()["step"]) == (201, 2)
        server.http.headers.update(red)
        problem(server.http.get(taken.headers["Location"]), "unknown_session")


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/",
        "file://{tmp}/export",
        "file://{tmp}/exports",
        "file://{tmp}/exports/",
        "file://{tmp}/exports/../data",
        "file://{tmp}/exports/a/../../data",
        "file://{tmp}/exports/a//b",
        "file://{tmp}/exports/.hidden",
        "file://{tmp}/exports/%2e%2e/data",
        "file://{tmp}/exports/a\\b",
        "file://{tmp}/exports/a\0",
        "file://{tmp}/exports/a?b",
        "file://{tmp}/exports/a*",
        "file://{tmp}/exports/a::memory:",
        "simplecache::file://{tmp}/exports/a",
        "FILE://{tmp}/exports/a",
        "local://{tmp}/exports/a",
        "http://169.254.169.254/latest",
        "{tmp}/exports/a",
        "",
        "file://{tmp}/exports/" + "a/" * 17,
        "file://{tmp}/exports/" + "a" * 129,
    ],
)
def test_no_other_url_is_written_or_read(tmp_path: Path, url: str) -> None:
    with exporting(tmp_path) as server:
        session = server.create_session()
        server.http.post(f"{session}/checkpoints", json={"name": "good"})
        written = url.replace("{tmp}", str(tmp_path))
        for response in (export(server, session, written), take_in(server, session, written)):
            assert "url" in problem(response, "export_not_allowed")["detail"]
    assert not (tmp_path / "exports").exists()


def test_no_symbolic_link_leads_out(tmp_path: Path) -> None:
    (tmp_path / "exports").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "exports/out").symlink_to(tmp_path / "elsewhere")
    with exporting(tmp_path) as server:
        session = exported(server, f"file://{tmp_path}/exports/run")
        for url in (f"file://{tmp_path}/exports/out", f"file://{tmp_path}/exports/out/deeper"):
            assert "symbolic link" in problem(export(server, session, url), "export_failed")["detail"]
        assert list((tmp_path / "elsewhere").iterdir()) == []
        manifest = tmp_path / "exports/run/manifest.json"
        manifest.rename(tmp_path / "elsewhere/manifest.json")
        manifest.symlink_to(tmp_path / "elsewhere/manifest.json")
        problem(take_in(server, session, f"file://{tmp_path}/exports/run"), "export_failed")
        manifest.unlink()
        os.mkfifo(manifest)
        response = take_in(server, session, f"file://{tmp_path}/exports/run")
        assert "no ordinary file" in problem(response, "export_damaged")["detail"]


def test_by_default_nothing_is_exported(tmp_path: Path) -> None:
    with in_process(data_dir=tmp_path) as server:
        session = server.create_session()
        server.http.post(f"{session}/checkpoints", json={"name": "good"})
        assert "export_urls" in problem(export(server, session, "memory://a/b"), "export_not_allowed")["detail"]


@pytest.mark.parametrize(
    "text", ["/exports/", "file:///exports", "https://a/", "http://a/", "a::file:///b/", "s3:///a*/"]
)
def test_a_setting_that_is_no_beginning_of_urls_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no beginning of URLs"):
        Settings(export_urls=(text,))


def test_the_setting_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASG_EXPORT_URLS", '["file:///exports/", "s3://bucket/{tenant}/"]')
    assert Settings().export_urls == ("file:///exports/", "s3://bucket/{tenant}/")


def test_what_the_url_needs_and_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    urls = ("memory://bucket/", "hdfs://a/", "nosuchkind://a/")
    with in_process(data_dir=tmp_path, export_urls=urls) as server:
        session = server.create_session()
        server.http.post(f"{session}/checkpoints", json={"name": "good"})
        for url in ("nosuchkind://a/b",):
            assert "nosuchkind" in problem(export(server, session, url), "export_unavailable")["detail"]
        original = importlib.import_module

        def absent(name: str, *rest: Any) -> Any:
            if name.startswith("fsspec"):
                raise ImportError(name)
            return original(name, *rest)

        monkeypatch.setattr(importlib, "import_module", absent)
        detail = problem(export(server, session, "memory://bucket/b"), "export_unavailable")["detail"]
        assert "asgraph[remote]" in detail


def test_a_storage_that_fails_is_told_without_what_its_library_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory: Any = importlib.import_module("fsspec.implementations.memory").MemoryFileSystem

    def refuse(self: Any, *arguments: Any, **options: Any) -> None:
        raise RuntimeError("the key AKIA-SECRET is wrong")

    with exporting(tmp_path) as server:
        session = server.create_session()
        server.http.post(f"{session}/checkpoints", json={"name": "good"})
        monkeypatch.setattr(memory, "pipe_file", refuse)
        found = problem(export(server, session, f"memory://bucket/{tmp_path.name}"), "export_failed")
        assert "SECRET" not in json.dumps(found)
        assert found["retryable"] is True
