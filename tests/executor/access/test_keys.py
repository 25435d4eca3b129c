"""Access keys: only whoever has one gets in, and nowhere is it kept."""

from pathlib import Path

import pytest

from asg_executor.access.keys import KeyStore, UnknownKeyError
from asg_executor.access.principal import Principal, Scope
from asg_executor.store.database import Database
from asg_executor.store.errors import DamagedFileError


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "asg.sqlite3")


@pytest.fixture
def keys(database: Database) -> KeyStore:
    return KeyStore(database)


def test_a_key_opens_its_tenant_with_its_scopes(keys: KeyStore) -> None:
    token, key = keys.create("laptop", "research", [Scope.TRAIN])
    assert keys.authenticate(token) == Principal("research", frozenset({Scope.TRAIN}), key.id)
    assert keys.list() == [key]


def test_scopes_include_the_lesser_ones() -> None:
    allowed = {scope: [other for other in Scope if Principal("", frozenset({scope})).may(other)] for scope in Scope}
    assert allowed == {
        Scope.RUN: [Scope.RUN],
        Scope.TRAIN: [Scope.RUN, Scope.TRAIN],
        Scope.ADMIN: [Scope.RUN, Scope.TRAIN, Scope.ADMIN],
    }


def test_another_secret_is_no_key(keys: KeyStore) -> None:
    token, _ = keys.create("laptop", "research", [Scope.RUN])
    other, _ = keys.create("desktop", "research", [Scope.RUN])
    swapped = token[:13] + other[13:]
    changed = token[:-1] + ("A" if token[-1] != "A" else "B")
    for wrong in (swapped, changed, token[:-1], f"{token}A", token.upper(), "", "asg_", f" {token}", f"{token}\n"):
        assert keys.authenticate(wrong) is None


def test_a_revoked_key_is_good_no_more(keys: KeyStore) -> None:
    token, key = keys.create("laptop", "research", [Scope.RUN])
    other, _ = keys.create("desktop", "research", [Scope.RUN])
    revoked = keys.revoke(key.id)
    assert revoked.revoked is not None
    assert keys.revoke(key.id) == revoked, "a second time changes nothing"
    assert keys.authenticate(token) is None
    assert keys.authenticate(other) is not None
    with pytest.raises(UnknownKeyError, match='no key "00000000"'):
        keys.revoke("00000000")


def test_the_directory_does_not_have_the_key(keys: KeyStore, database: Database, tmp_path: Path) -> None:
    token, _ = keys.create("laptop", "research", [Scope.RUN])
    database.close()
    secret = token.split("_", 2)[2].encode()
    assert [path.name for path in tmp_path.iterdir() if secret in path.read_bytes()] == []


def test_a_changed_row_opens_nothing(keys: KeyStore, database: Database) -> None:
    token, _ = keys.create("laptop", "research", [Scope.RUN])
    with database.transaction() as connection:
        connection.execute("UPDATE keys SET scopes = 'admin'")
    with pytest.raises(DamagedFileError, match="a row of keys was changed"):
        keys.authenticate(token)


def test_a_key_made_by_another_process_counts_at_once(keys: KeyStore, tmp_path: Path) -> None:
    elsewhere = KeyStore(Database(tmp_path / "asg.sqlite3"))
    token, key = elsewhere.create("laptop", "research", [Scope.RUN])
    assert keys.authenticate(token) is not None
    elsewhere.revoke(key.id)
    assert keys.authenticate(token) is None


def test_a_key_without_a_scope_is_refused(keys: KeyStore) -> None:
    with pytest.raises(ValueError, match="at least one scope"):
        keys.create("laptop", "research", [])
