"""`KeyStore`: access keys, of which only hashes are kept.

A key is `asg_<id>_<secret>`: the id is eight hexadecimal digits and names the key in lists and logs, the secret has 256
random bits. A slow hash would protect a secret that can be guessed; this one cannot, so SHA-256 does.
"""

import hmac
import re
import secrets
import time
from collections.abc import Callable
from hashlib import sha256
from typing import ClassVar, NamedTuple

from asg_executor.access.principal import Principal, Scope
from asg_executor.errors import ExecutorError
from asg_executor.store.database import Database, Row
from asg_schema.errors import AsgError

__all__ = ["InvalidKeyError", "Key", "KeyRefusedError", "KeyStore", "UnknownKeyError"]

_TOKEN = re.compile(r"asg_(?P<id>[0-9a-f]{8})_(?P<secret>[A-Za-z0-9_-]{43})\Z")
_TENANT = re.compile(r"([a-z0-9][a-z0-9._-]{0,62})?\Z")  # it is the name of a directory, too
_MOST_NAME = 100
_NO_HASH = "0" * 64


class InvalidKeyError(AsgError):
    """A key cannot be made as it was asked for."""


class UnknownKeyError(AsgError):
    """There is no key of an id."""


class KeyRefusedError(ExecutorError):
    """What was given as a key opens nothing, or nothing any more. The message does not have it."""

    code: ClassVar[str] = "unauthorized"


class Key(NamedTuple):
    """What is known of a key. The secret is not.

    Attributes:
        id: its name in lists and logs.
        name: what it is for, in the words of whoever made it.
        tenant: whose graphs, sessions and jobs it opens.
        scope: what it allows.
        created: when it was made, in seconds since 1970.
        expires: when it ends to be good by itself, likewise; None for never.
        revoked: when it was revoked, likewise; None where it was not.
    """

    id: str
    name: str
    tenant: str
    scope: Scope
    created: float
    expires: float | None
    revoked: float | None


class KeyStore:
    """The keys of a data directory. Each call reads what is there now: a key made or revoked elsewhere counts at once.

    Args:
        database: the directory's metadata.
        now: the time, in seconds since 1970.
    """

    def __init__(self, database: Database, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self._now = now

    def create(self, name: str, tenant: str, scope: Scope, lifetime: float | None = None) -> tuple[str, Key]:
        """Make a key.

        Args:
            name: what it is for: 1 to 100 printable characters.
            tenant: whose graphs, sessions and jobs it opens; "" for those of requests that come without a key.
            scope: what it allows.
            lifetime: after how many seconds it expires; None for never.

        Returns:
            The key itself, which is nowhere kept, and what is known of it.

        Raises:
            InvalidKeyError: the name, the tenant or the lifetime cannot be one.
            StoreError: it could not be kept.
        """
        _check(name, tenant, lifetime)
        now = self._now()
        expires = None if lifetime is None else now + lifetime
        key = Key(secrets.token_hex(4), name, tenant, scope, now, expires, None)
        secret = secrets.token_urlsafe(32)
        with self._database.transaction():
            self._database.insert("keys", {**key._asdict(), "scope": scope.value, "hash": _hash(secret)})
        return f"asg_{key.id}_{secret}", key

    def list(self) -> list[Key]:
        """All keys, the oldest first.

        Raises:
            DamagedFileError: a row of them was changed.
        """
        return [_key(row) for row in self._rows("SELECT * FROM keys ORDER BY created, id")]

    def is_good(self, key: Key) -> bool:
        """Whether a key is neither revoked nor expired now."""
        return key.revoked is None and (key.expires is None or self._now() < key.expires)

    def revoke(self, id: str) -> Key:
        """Let a key be good no more. One that was revoked already stays as it was.

        Raises:
            UnknownKeyError: there is no key of this id.
        """
        with self._database.transaction():
            found = self._rows("SELECT * FROM keys WHERE id = ?", id)
            if not found:
                raise UnknownKeyError(f'there is no key "{id}"; asg keys list shows them')
            if found[0]["revoked"] is None:
                self._database.update("keys", found[0], {"revoked": self._now()})
        return _key(self._rows("SELECT * FROM keys WHERE id = ?", id)[0])

    def authenticate(self, token: str) -> Principal:
        """Whom a key stands for.

        The time that it takes says nothing of how much of a secret was right.

        Raises:
            KeyRefusedError: it is no key, or one that is not good any more; this is told only to who has its secret.
            DamagedFileError: the key's row was changed.
        """
        match = _TOKEN.match(token)
        if match is None:
            raise KeyRefusedError("what was sent is no key of this service: asg_<8 digits>_<43 characters> is one")
        found = self._rows("SELECT * FROM keys WHERE id = ?", match["id"])
        stored = found[0]["hash"] if found else _NO_HASH
        if not hmac.compare_digest(_hash(match["secret"]), stored):
            raise KeyRefusedError("this key is not known here; asg keys create makes one")
        key = _key(found[0])
        if not self.is_good(key):
            what = "has expired" if key.revoked is None else "was revoked"
            raise KeyRefusedError(f"the key {key.id} {what}; asg keys create makes another")
        return Principal(key.tenant, frozenset({key.scope}), key.id)

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def _rows(self, query: str, *parameters: str) -> "list[Row]":
        rows = self._database.rows(query, parameters)
        for row in rows:
            self._database.check_row("keys", row)
        return rows


def _check(name: str, tenant: str, lifetime: float | None) -> None:
    if not (0 < len(name) <= _MOST_NAME and name.isprintable()):
        raise InvalidKeyError(f"the name of a key is 1 to {_MOST_NAME} printable characters, not {name!r}")
    if not _TENANT.match(tenant):
        raise InvalidKeyError(
            "the name of a tenant is 1 to 63 of the characters a to z, 0 to 9, dot, dash and underscore, a letter or "
            f"digit first, not {tenant!r}"
        )
    if lifetime is not None and not 0 < lifetime < float("inf"):
        raise InvalidKeyError(f"a key is good for more than 0 seconds, not {lifetime:g}")


def _hash(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def _key(row: Row) -> Key:
    scope = Scope(row["scope"])
    return Key(row["id"], row["name"], row["tenant"], scope, row["created"], row["expires"], row["revoked"])
