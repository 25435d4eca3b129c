"""The vector files: where they lie, and the cases in them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple, cast

from asg_schema.errors import AsgError

__all__ = ["Case", "Fault", "read_cases", "vector_folder"]

_VERSION = 1
_PACKAGE = Path(__file__).parent
_INSTALLED = _PACKAGE / "vector_files"
_IN_THE_REPOSITORY = _PACKAGE.parents[2] / "tests" / "conformance"


class Fault(NamedTuple):
    """One problem that a refused document has."""

    pointer: str
    code: str


@dataclass(frozen=True)
class Case:
    """One case.

    Attributes:
        id: its name, unique among all cases.
        file: the name of its file without the ending: a family of ops, or what the cases are about.
        op: the op that it is about; None where it is about no single one.
        document: the body that is sent as the document.
        digest: the digest that the answer has, where the case says.
        run: the body of the run; None where the document is refused.
        expected: the outputs by name, each as the case has it.
        refused: the problems of a document that is refused, in order.
        fails: the code with which the run fails.
    """

    id: str
    file: str
    op: str | None
    document: bytes
    digest: str | None
    run: bytes | None
    expected: Mapping[str, Mapping[str, Any]]
    refused: tuple[Fault, ...]
    fails: str | None

    def matches(self, patterns: Sequence[str]) -> bool:
        """Whether a pattern with `*` and `?` is that of the id, the op or the file; without patterns all match."""
        names = (self.id, self.op or "", self.file)
        return not patterns or any(fnmatchcase(name, pattern) for name in names for pattern in patterns)


def vector_folder() -> Path:
    """The folder of the vector files: in the installed package, else in the repository.

    Raises:
        AsgError: neither has them.
    """
    for folder in (_INSTALLED, _IN_THE_REPOSITORY):
        if any(folder.glob("*.json")):
            return folder
    raise AsgError(f"the conformance vectors are missing from this installation; they belong in {_INSTALLED}")


def read_cases(folder: Path | None = None, patterns: Sequence[str] = ()) -> list[Case]:
    """The cases of all files, in order.

    Args:
        folder: where the files lie; absent: `vector_folder()`.
        patterns: of ids, ops or files; absent: all cases.

    Raises:
        AsgError: a file cannot be read, or is none of this version.
    """
    cases: list[Case] = []
    for path in sorted((folder or vector_folder()).glob("*.json")):
        try:
            content: Any = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise AsgError(f"{path}: {error}") from None
        file = cast("dict[str, Any]", content) if isinstance(content, dict) else {}
        if (version := file.get("asg_conformance")) != _VERSION:
            raise AsgError(f"{path}: asg_conformance is {json.dumps(version)}; this command knows {_VERSION}")
        cases.extend(_case(path.stem, source) for source in file["cases"])
    return [case for case in cases if case.matches(patterns)]


def _case(file: str, source: Mapping[str, Any]) -> Case:
    expected = source.get("expected", {})
    runs = "expected" in source or "fails" in source
    body = {key: source[key] for key in ("inputs", "parameters") if key in source}
    if expected:
        body["outputs"] = list(expected)
    return Case(
        id=source["id"],
        file=file,
        op=source.get("op"),
        document=source["text"].encode() if "text" in source else _encode(source["document"]),
        digest=source.get("digest"),
        run=_encode(body) if runs else None,
        expected=expected,
        refused=tuple(Fault(fault["pointer"], fault["code"]) for fault in source.get("refused", ())),
        fails=source.get("fails"),
    )


def _encode(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
