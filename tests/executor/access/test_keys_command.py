"""`asg keys`: made, listed and revoked by hand and by programs."""

import json
import re
from pathlib import Path

import pytest

from asg_executor.access.key_files import opened_keys
from asg_executor.access.keys import KeyRefusedError
from asg_executor.access.principal import Principal, Scope
from asg_executor.store.data_directory import DATABASE
from executor_harness.command import Finished, asg


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASG_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


def keys(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> Finished:
    return asg(capsys, folder, "keys", *arguments)


def test_a_key_is_made_listed_and_revoked(data: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    made = keys(capsys, tmp_path, "create", "--name", "laptop", "--tenant", "research", "--expires-in", "90d")
    assert made.returncode == 0, made.stderr
    token = made.stdout.rstrip("\n")  # the key alone, for KEY=$(asg keys create …)
    assert token not in made.stderr
    assert "ASG_API_KEY" in made.stderr
    with opened_keys(data) as store:
        (key,) = store.list()
        assert store.authenticate(token) == Principal("research", frozenset({Scope.TRAIN}), key.id)
        assert key.expires is not None
        assert key.expires - key.created == 90 * 86_400
    listed = keys(capsys, tmp_path, "list")
    assert listed.stdout.splitlines()[0].split() == ["id", "name", "tenant", "scope", "created", "expires", "state"]
    assert listed.stdout.splitlines()[1].split()[:4] == [key.id, "laptop", "research", "train"]
    assert listed.stdout.splitlines()[1].split()[-1] == "good"
    assert token[13:] not in listed.stdout
    revoked = keys(capsys, tmp_path, "revoke", key.id)
    assert f'The key {key.id} ("laptop") is revoked since 20' in revoked.stdout
    assert keys(capsys, tmp_path, "list").stdout.splitlines()[1].split()[-1] == "revoked"
    with opened_keys(data) as store, pytest.raises(KeyRefusedError):
        store.authenticate(token)


def test_programs_read_json(data: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    made = json.loads(keys(capsys, tmp_path, "create", "--name", "ci", "--scope", "admin", "--json").stdout)
    with opened_keys(data) as store:
        assert store.authenticate(made["key"]).key == made["id"]
    (listed,) = json.loads(keys(capsys, tmp_path, "list", "--json").stdout)
    assert listed == {name: value for name, value in made.items() if name != "key"}
    assert listed["scope"] == "admin"
    assert listed["tenant"] == ""
    assert listed["revoked"] is None
    revoked = json.loads(keys(capsys, tmp_path, "revoke", made["id"], "--json").stdout)
    assert revoked["state"] == "revoked"


def test_a_key_that_leaked_is_revoked_by_itself(data: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    token = keys(capsys, tmp_path, "create", "--name", "ci").stdout.strip()
    found = keys(capsys, tmp_path, "revoke", token)
    assert found.returncode == 0
    assert token[13:] not in found.stdout + found.stderr
    with opened_keys(data) as store:
        assert [store.is_good(key) for key in store.list()] == [False]


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["create"], 2, "--name"),
        (["create", "--name", "x", "--scope", "root"], 1, 'no scope "root"; run, train, admin are known'),
        (["create", "--name", "x", "--expires-in", "90"], 1, '"90" is no duration'),
        (["create", "--name", "x", "--expires-in", "0d"], 1, '"0d" is no duration'),
        (["create", "--name", "x", "--tenant", "../x"], 1, "the name of a tenant"),
        (["create", "--name", ""], 1, "the name of a key"),
        (["list", "--data-dir", "nowhere"], 1, "there is no data directory nowhere"),
        (["revoke", "00000000"], 1, 'no key "00000000"'),
        (["remove"], 2, "remove"),
    ],
    ids=str,
)
def test_wrong_usage(
    arguments: list[str], status: int, message: str, data: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    data.mkdir()
    found = keys(capsys, tmp_path, *arguments)
    assert found.returncode == status
    assert message in found.stderr
    assert "Traceback" not in found.stderr


def test_the_default_directory_is_that_of_the_server(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("ASG_PORT", "9001")
    assert keys(capsys, tmp_path, "create", "--name", "x").returncode == 0
    assert (tmp_path / "asg" / "port-9001" / "asg.sqlite3").exists()
    monkeypatch.setenv("ASG_PORT", "0")
    assert "name one with --data-dir" in keys(capsys, tmp_path, "list").stderr


def test_the_commands_of_the_page_do_what_it_says(
    data: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    page = (Path(__file__).parents[3] / "executor" / "docs" / "access.md").read_text()
    create, listing, revoke = re.findall(r"^asg (keys .*)$", page, re.MULTILINE)
    made = asg(capsys, tmp_path, *create.split())
    assert re.fullmatch(r"asg_[0-9a-f]{8}_[A-Za-z0-9_-]{43}\n", made.stdout)
    id = made.stdout[4:12]
    assert id in asg(capsys, tmp_path, *listing.split()).stdout
    assert asg(capsys, tmp_path, *revoke.replace("1a2b3c4d", id).split()).returncode == 0
    with opened_keys(data) as store:
        assert [store.is_good(key) for key in store.list()] == [False]


def test_help_shows_the_commands(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "keys" in asg(capsys, tmp_path, "--help").stdout
    found = keys(capsys, tmp_path, "--help").stdout
    assert all(name in found for name in ("create", "list", "revoke"))


def test_without_keys_the_list_says_what_makes_one(
    data: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    data.mkdir()
    assert "asg keys create makes one" in keys(capsys, tmp_path, "list").stdout
    assert keys(capsys, tmp_path, "list", "--json").stdout == "[]\n"


@pytest.mark.parametrize("command", [["list"], ["create", "--name", "laptop"], ["revoke", "0" * 8]])
def test_a_damaged_database_is_named_with_what_mends_it(
    command: list[str], data: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert keys(capsys, tmp_path, "create", "--name", "laptop").returncode == 0
    path = data / DATABASE
    path.write_bytes(b"\0" * path.stat().st_size)
    found = keys(capsys, tmp_path, *command)
    assert found.returncode == 1
    assert str(path) in found.stderr
    assert f"`asg repair {data}` makes it anew" in found.stderr
