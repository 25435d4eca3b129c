"""Access keys: only whoever has one gets in, and nowhere is it kept."""

import hmac
from pathlib import Path

import pytest

from asg_executor.access.key_files import has_good_key, opened_keys
from asg_executor.access.keys import InvalidKeyError, KeyRefusedError, KeyStore, UnknownKeyError
from asg_executor.access.principal import Principal, Scope
from asg_executor.store.data_directory import DATABASE, DataDirectory
from asg_executor.store.database import Database
from asg_executor.store.errors import DamagedFileError, DirectoryInUseError
from asg_executor.store.ownership import DirectoryLock
from executor_harness.older_database import forget_tenants


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / DATABASE)


@pytest.fixture
def keys(database: Database) -> KeyStore:
    return KeyStore(database)


def test_a_key_opens_its_tenant_with_its_scope(keys: KeyStore) -> None:
    token, key = keys.create("laptop", "research", Scope.TRAIN)
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
    token, _ = keys.create("laptop", "research", Scope.RUN)
    other, _ = keys.create("desktop", "research", Scope.RUN)
    swapped = token[:13] + other[13:]
    changed = token[:-1] + ("A" if token[-1] != "A" else "B")
    nobody = f"asg_00000000_{token[13:]}"
    for wrong in (
        swapped,
        changed,
        nobody,
        token[:-1],
        f"{token}A",
        token.upper(),
        "",
        "asg_",
        f" {token}",
        f"{token}\n",
    ):
        with pytest.raises(KeyRefusedError) as refused:
            keys.authenticate(wrong)
        assert token[13:] not in str(refused.value)
        assert other[13:] not in str(refused.value)


def test_secrets_are_compared_in_constant_time_for_unknown_ids_too(
    keys: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[str, str]] = []
    genuine = hmac.compare_digest

    def compare(left: str, right: str) -> bool:
        compared.append((left, right))
        return genuine(left, right)

    token, key = keys.create("laptop", "research", Scope.RUN)
    monkeypatch.setattr(hmac, "compare_digest", compare)
    keys.authenticate(token)
    for wrong in (f"asg_{key.id}_{'A' * 43}", f"asg_00000000_{'A' * 43}"):
        with pytest.raises(KeyRefusedError):
            keys.authenticate(wrong)
    assert len(compared) == 3
    # Digests of equal length, and none of them the secret: where they differ tells nothing of it.
    assert {len(side) for pair in compared for side in pair} == {64}
    assert all(token[13:] not in pair for pair in compared)


def test_a_revoked_key_is_good_no_more(keys: KeyStore) -> None:
    token, key = keys.create("laptop", "research", Scope.RUN)
    other, _ = keys.create("desktop", "research", Scope.RUN)
    revoked = keys.revoke(key.id)
    assert revoked.revoked is not None
    assert keys.revoke(key.id) == revoked, "a second time changes nothing"
    with pytest.raises(KeyRefusedError, match=f"{key.id} was revoked"):
        keys.authenticate(token)
    assert keys.authenticate(other)
    with pytest.raises(UnknownKeyError, match='no key "00000000"'):
        keys.revoke("00000000")


def test_a_key_expires(database: Database) -> None:
    time = [1000.0]
    keys = KeyStore(database, lambda: time[0])
    token, key = keys.create("ci", "", Scope.RUN, lifetime=60)
    assert key.expires == 1060
    time[0] = 1059.9
    assert keys.authenticate(token)
    time[0] = 1060.0
    with pytest.raises(KeyRefusedError, match="has expired"):
        keys.authenticate(token)
    assert not keys.is_good(key)


def test_the_directory_does_not_have_the_key(keys: KeyStore, database: Database, tmp_path: Path) -> None:
    token, _ = keys.create("laptop", "research", Scope.RUN)
    database.close()
    secret = token.split("_", 2)[2].encode()
    assert [path.name for path in tmp_path.iterdir() if secret in path.read_bytes()] == []


@pytest.mark.parametrize(
    "change", ["scope = 'admin'", "tenant = 'other'", "revoked = 1.0", "expires = 9e9", "hash = 'abc'"]
)
def test_a_changed_row_opens_nothing(keys: KeyStore, database: Database, change: str) -> None:
    token, _ = keys.create("laptop", "research", Scope.RUN)
    with database.transaction() as connection:
        connection.execute(f"UPDATE keys SET {change}")
    with pytest.raises(DamagedFileError, match="a row of keys was changed") as refused:
        keys.authenticate(token)
    assert "research" not in str(refused.value)


def test_a_revocation_that_is_taken_away_is_noticed(keys: KeyStore, database: Database) -> None:
    token, key = keys.create("laptop", "research", Scope.RUN)
    keys.revoke(key.id)
    with database.transaction() as connection:
        connection.execute("UPDATE keys SET revoked = NULL")
    with pytest.raises(DamagedFileError):
        keys.authenticate(token)


@pytest.mark.parametrize(
    ("name", "tenant", "lifetime", "message"),
    [
        ("", "", None, "name of a key"),
        ("x" * 101, "", None, "name of a key"),
        ("a\nb", "", None, "name of a key"),
        ("x", "..", None, "name of a tenant"),
        ("x", "a/b", None, "name of a tenant"),
        ("x", "Research", None, "name of a tenant"),
        ("x", "a" * 64, None, "name of a tenant"),
        ("x", "a\n", None, "name of a tenant"),
        ("x", "", 0.0, "more than 0 seconds"),
        ("x", "", float("inf"), "more than 0 seconds"),
        ("x", "", float("nan"), "more than 0 seconds"),
    ],
)
def test_what_cannot_be_a_key_is_refused(
    keys: KeyStore, name: str, tenant: str, lifetime: float | None, message: str
) -> None:
    with pytest.raises(InvalidKeyError, match=message):
        keys.create(name, tenant, Scope.RUN, lifetime)
    assert keys.list() == []


def test_a_key_is_made_and_revoked_beside_the_owner_of_the_directory(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path, 10)
    with opened_keys(tmp_path) as elsewhere:
        token, key = elsewhere.create("laptop", "research", Scope.RUN)
        assert directory.keys.authenticate(token).tenant == "research"
        elsewhere.revoke(key.id)
        with pytest.raises(KeyRefusedError):
            directory.keys.authenticate(token)
    directory.close()


def test_a_key_is_made_while_a_transaction_of_the_owner_waits_for_the_disk(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path, 10)
    with opened_keys(tmp_path) as elsewhere:
        token, _ = elsewhere.create("laptop", "research", Scope.RUN)
    with directory.database.transaction():
        # Whoever asks to be let in reads meanwhile.
        assert directory.keys.authenticate(token).tenant == "research"
    directory.close()


def test_an_older_database_is_not_changed_below_a_running_server(tmp_path: Path) -> None:
    Database(tmp_path / DATABASE).close()
    forget_tenants(tmp_path / DATABASE)
    lock = DirectoryLock(tmp_path)
    with pytest.raises(DirectoryInUseError), opened_keys(tmp_path):
        pass
    lock.release()
    with opened_keys(tmp_path) as keys:
        assert keys.list() == []


def test_whether_there_is_a_good_key(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    assert not has_good_key(directory)
    assert not directory.exists(), "asking makes no directory"
    with opened_keys(directory) as keys:
        assert not has_good_key(directory)
        _, key = keys.create("laptop", "", Scope.RUN)
        assert has_good_key(directory)
        keys.revoke(key.id)
        assert not has_good_key(directory)


def test_a_lost_database_is_not_replaced_by_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "sessions" / "one").mkdir(parents=True)
    with pytest.raises(DamagedFileError, match="it is missing"), opened_keys(tmp_path):
        pass
    assert not (tmp_path / DATABASE).exists()
