"""`ExportedCheckpoint`: a checkpoint that stands by itself: what a session was made with, and what it was at a step.

```
session-<hash>.json           the documents, the optimizer, the seed, …
state-<hash>.safetensors      parameters, slots and averages
answer-<hash>.safetensors     what the last step answered
manifest.json                 the length and the SHA-256 of each, what else there is to say, and the SHA-256 of all that
```

The manifest is written last: without it nothing counts. The names of the other files are those of their contents, so
that two exports to one place cannot mix.
"""

import json
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StrictStr, ValidationError

from asg_executor.errors import LimitExceededError
from asg_executor.exports.errors import DamagedExportError, ExportExistsError, UnknownExportError
from asg_executor.exports.places import ExportPlace
from asg_executor.safetensors_bytes import SafetensorsError, read_safetensors, write_safetensors
from asg_executor.sessions.durability import parse_durability
from asg_executor.sessions.precision import parse_precision
from asg_executor.sessions.random_keys import MOST_SEED
from asg_executor.sessions.session_settings import SessionSettings, written_engine
from asg_executor.sessions.step_request import joined, parts_of
from asg_executor.sessions.training_steps import NonFinitePolicy
from asg_executor.store.checkpoints import metrics_to_json
from asg_executor.store.saved_state import SavedState
from asg_schema.document import Document
from asg_schema.errors import AsgError, DocumentError
from asg_schema.wire import parse_json

__all__ = ["ExportedCheckpoint", "read_export", "write_export"]

M = TypeVar("M", bound=BaseModel)

_MANIFEST = "manifest.json"
_MANIFEST_BYTES = 2**20
_SUFFIX: Mapping[str, str] = {"session": "json", "state": "safetensors", "answer": "safetensors"}
_Role: TypeAlias = Literal["session", "state", "answer"]
_STRICT = ConfigDict(extra="forbid", frozen=True, strict=True)
_Digest = Annotated[StrictStr, Field(pattern="^[0-9a-f]{64}$")]


class ExportedCheckpoint(NamedTuple):
    """A checkpoint that stands by itself.

    Attributes:
        settings: what its session was made with.
        state: what the session was.
        metrics: figures that it was made with, by name.
    """

    settings: SessionSettings
    state: SavedState
    metrics: Mapping[str, float]


class _File(BaseModel):
    """What the manifest says of a file."""

    model_config = _STRICT

    bytes: int = Field(ge=0)
    sha256: _Digest


class _Manifest(BaseModel):
    """What the manifest says, apart from its own checksum."""

    model_config = _STRICT

    format: Literal[1]
    step: int = Field(ge=0, lt=2**63)
    digest: _Digest
    request: StrictStr
    parts: int = Field(ge=0, le=100_000)
    skipped: bool
    metrics: dict[StrictStr, float | Literal["nan", "inf", "-inf"]]
    files: dict[_Role, _File] = Field(min_length=3)


class _Session(BaseModel):
    """What a session was made with."""

    model_config = _STRICT

    graphs: dict[StrictStr, StrictStr]
    optimizer: dict[StrictStr, Any] | None
    seed: int = Field(ge=0, le=MOST_SEED)
    engine: StrictStr
    durability: Any
    non_finite: NonFinitePolicy
    precision: Any = "as_written"


def write_export(place: ExportPlace, checkpoint: ExportedCheckpoint) -> int:
    """Write a checkpoint, so that it counts once all of it is there.

    Args:
        place: where; the same checkpoint may be there already.
        checkpoint: the checkpoint.

    Returns:
        How many bytes it takes.

    Raises:
        ExportExistsError: another checkpoint is there.
        DamagedExportError: something else is there that is called as a checkpoint's manifest is.
        ExportError: the storage failed; nothing counts that did not count before.
        StorageFullError: likewise.
    """
    state = checkpoint.state
    contents: dict[_Role, bytes] = {
        "session": _session_content(checkpoint.settings),
        "state": write_safetensors(state.arrays, {}),
        "answer": write_safetensors(joined(state.answers), {}),
    }
    manifest = _Manifest(
        format=1,
        step=state.number,
        digest=state.digest,
        request=state.request,
        parts=len(state.answers),
        skipped=state.skipped,
        metrics={**metrics_to_json(checkpoint.metrics)},
        files={role: _File(bytes=len(data), sha256=sha256(data).hexdigest()) for role, data in contents.items()},
    )
    _check_vacant(place, manifest)
    for role, data in contents.items():
        place.write(_name(role, manifest.files[role].sha256), [data])
    fields = manifest.model_dump(mode="json")
    text = json.dumps({**fields, "checksum": _checksum(fields)}, indent=1, sort_keys=True).encode()
    place.write(_MANIFEST, [text])
    return len(text) + sum(map(len, contents.values()))


def _session_content(settings: SessionSettings) -> bytes:
    """The settings as JSON, without what belongs to the session itself, such as the key of its creation.

    A precision is left out where it is the default, so that a checkpoint that was exported before there was any has the
    same name still.
    """
    source = settings.to_json()
    fields = {name: source[name] for name in _Session.model_fields}
    if fields["precision"] == _Session.model_fields["precision"].default:
        del fields["precision"]
    return json.dumps(fields, sort_keys=True).encode()


def _check_vacant(place: ExportPlace, manifest: _Manifest) -> None:
    try:
        present = _read_manifest(place)
    except UnknownExportError:
        return
    if present.files != manifest.files:
        raise ExportExistsError(
            f"{place.url} has another checkpoint, of step {present.step} with the digest {present.digest}; none is "
            "replaced: take another URL, or remove what is there"
        )


def _name(role: str, digest: str) -> str:
    return f"{role}-{digest[:32]}.{_SUFFIX[role]}"


def _checksum(fields: Mapping[str, Any]) -> str:
    return sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def read_export(place: ExportPlace, limit: int, inspect: Callable[[Any], None]) -> ExportedCheckpoint:
    """Read a checkpoint, and find that every byte is what was written.

    Whether the state is one that such a session can have is found by whoever makes it the session's.

    Args:
        place: where it is.
        limit: how many bytes each of its files may have.
        inspect: called with the JSON of each document, and with that of the optimizer, before anything is made of it;
            it raises where that is too large.

    Raises:
        UnknownExportError: there is none, or it was not written to its end.
        DamagedExportError: a file is missing, or is not what was written, or is no checkpoint.
        ExportError: the storage failed.
    """
    manifest = _read_manifest(place)
    contents = {role: _read_file(place, role, item, limit) for role, item in manifest.files.items()}
    settings = _read_settings(
        place.url + _name("session", manifest.files["session"].sha256), contents["session"], inspect
    )
    try:
        arrays, _ = read_safetensors(contents["state"])
        tensors, _ = read_safetensors(contents["answer"])
        answers = parts_of(tensors, manifest.parts)
    except (SafetensorsError, ValueError, IndexError) as error:
        raise DamagedExportError(place.url, f"its tensors cannot be read: {error}") from None
    state = SavedState(manifest.step, manifest.digest, arrays, manifest.request, answers, manifest.skipped)
    return ExportedCheckpoint(settings, state, {name: float(value) for name, value in manifest.metrics.items()})


def _read_manifest(place: ExportPlace) -> _Manifest:
    url = place.url + _MANIFEST
    content = place.read(_MANIFEST, _MANIFEST_BYTES)
    try:
        fields: Any = parse_json(content)
    except DocumentError:
        raise DamagedExportError(url, "it is not JSON") from None
    if not isinstance(fields, dict) or fields.pop("checksum", None) != _checksum(fields):  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType] - it is what JSON had
        raise DamagedExportError(url, "its checksum is not that of its content")
    return _checked(url, _Manifest, fields)


def _checked(url: str, kind: type[M], fields: Any) -> M:
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        raise DamagedExportError(url, f"{'/'.join(map(str, first['loc']))}: {first['msg']}") from None


def _read_file(place: ExportPlace, role: str, account: _File, limit: int) -> bytes:
    name = _name(role, account.sha256)
    if account.bytes > limit:
        raise DamagedExportError(place.url + name, f"it has {account.bytes} bytes; at most {limit} are read")
    try:
        content = place.read(name, account.bytes)
    except UnknownExportError:
        raise DamagedExportError(place.url + name, "it is missing") from None
    if len(content) != account.bytes or sha256(content).hexdigest() != account.sha256:
        raise DamagedExportError(
            place.url + name, f"its {len(content)} bytes are not the {account.bytes} that were written"
        )
    return content


def _read_settings(url: str, content: bytes, inspect: Callable[[Any], None]) -> SessionSettings:
    try:
        source = _checked(url, _Session, parse_json(content))
        parsed = {name: parse_json(text) for name, text in source.graphs.items()}
        for item in (*parsed.values(), source.optimizer):
            inspect(item)
        graphs = {name: Document.from_dict(item) for name, item in parsed.items()}
        return SessionSettings(
            graphs=graphs,
            graph_digests={name: document.digest for name, document in graphs.items()},
            optimizer=source.optimizer,
            seed=source.seed,
            engine=written_engine(source.engine),
            durability=parse_durability(source.durability),
            non_finite=source.non_finite,
            precision=parse_precision(source.precision),
        )
    except (DamagedExportError, LimitExceededError):
        raise
    except AsgError as error:
        raise DamagedExportError(url, str(error)) from error
