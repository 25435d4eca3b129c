"""`KeyStore`: access keys, of which only hashes are kept.

A key is `asg_<id>_<secret>`: the id is eight hexadecimal digits and names the key in lists and logs, the secret has 256
random bits. A slow hash would protect a secret that can be guessed; this one cannot, so SHA-256 does.
"""

import hmac
import re
import secrets
import time
from collections.abc import Iterable
from hashlib import sha256
from typing import NamedTuple

from asg_executor.access.principal import Principal, Scope
from asg_executor.errors import ExecutorError
from asg_executor.store.database import Database, Row

__all__ = ["Key", "KeyStore", "UnknownKeyError"]

_TOKEN = re.compile(r"asg_(?P<id>[0-9a-f]{8})_(?P<secret>[A-Za-z0-9_-]{43})\Z")
_NO_HASH = "0" * 64


class UnknownKeyError(ExecutorError):
    """There is no key of an id."""

    code = "unknown_key"


class Key(NamedTuple):
    """What is known of a key. The secret is not.

    Attributes:
        id: its name in lists and logs.
        name: what it is for, in the words of whoever made it.
        tenant: whose graphs, sessions and jobs it opens.
        scopes: what it allows.
        created: when it was made, in seconds since 1970.
        revoked: when it was revoked, likewise; None while it is good.
    """

    id: str
    name: str
    tenant: str
    scopes: frozenset[Scope]
    created: float
    revoked: float | None


class KeyStore:
    """The keys of a data directory. Each call reads what is there now: a key made or revoked elsewhere counts at once.

    Args:
        database: the directory's metadata.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, name: str, tenant: str, scopes: Iterable[Scope]) -> tuple[str, Key]:
        """Make a key.

        Args:
            name: what it is for.
            tenant: whose graphs, sessions and jobs it opens.
            scopes: what it allows; at least one.

        Returns:
            The key itself, which is nowhere kept, and what is known of it.

        Raises:
            StoreError: it could not be kept.
        """
        allowed = frozenset(scopes)
        if not allowed:
            raise ValueError("a key needs at least one scope")
        key = Key(secrets.token_hex(4), name, tenant, allowed, time.time(), None)
        secret = secrets.token_urlsafe(32)
        with self._database.transaction():
            self._database.insert(
                "keys",
                {
                    "id": key.id,
                    "name": name,
                    "tenant": tenant,
                    "scopes": " ".join(sorted(allowed)),
                    "hash": _hash(secret),
                    "created": key.created,
                    "revoked": None,
                },
            )
        return f"asg_{key.id}_{secret}", key

    def list(self) -> list[Key]:
        """All keys, the oldest first."""
        return [_key(row) for row in self._rows("SELECT * FROM keys ORDER BY created, id")]

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
                self._database.update("keys", found[0], {"revoked": time.time()}, ["id"])
        return _key(self._rows("SELECT * FROM keys WHERE id = ?", id)[0])

    def authenticate(self, token: str) -> Principal | None:
        """Whom a key stands for; None where it is no key, or one that is not good any more.

        The time that it takes says nothing of how much of a key was right.
        """
        match = _TOKEN.match(token)
        if match is None:
            return None
        found = self._rows("SELECT * FROM keys WHERE id = ?", match["id"])
        stored = found[0]["hash"] if found else _NO_HASH
        if not hmac.compare_digest(_hash(match["secret"]), stored) or found[0]["revoked"] is not None:
            return None
        key = _key(found[0])
        return Principal(key.tenant, key.scopes, key.id)

    def _rows(self, query: str, *parameters: str) -> "list[Row]":
        rows = self._database.rows(query, parameters)
        for row in rows:
            self._database.check_row("keys", row)
        return rows


def _hash(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def _key(row: Row) -> Key:
    scopes = frozenset(Scope(scope) for scope in row["scopes"].split())
    return Key(row["id"], row["name"], row["tenant"], scopes, row["created"], row["revoked"])
