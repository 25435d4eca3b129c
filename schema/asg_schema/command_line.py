"""What the commands of all parts share: reading a document argument, and saying errors on standard error.

A command is an ordinary function that raises an `AsgError` where something is wrong with what it was given. `guarded`
turns that into a message and exit code 1, so that no command prints a traceback for bad input.
"""

import functools
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NoReturn, ParamSpec

import typer

from asg_schema.compression import CompressionError, compressed, decompressed, is_compressed
from asg_schema.document import Document
from asg_schema.errors import AsgError, DocumentError

__all__ = [
    "CommandError",
    "InvalidDocumentError",
    "failing_with",
    "guarded",
    "named_sizes",
    "named_values",
    "read_bytes",
    "read_document",
    "write_text",
]

P = ParamSpec("P")
_SUFFIX = ".gz"
_FAILURE_STATUS: dict[Callable[..., None], int] = {}


class CommandError(AsgError):
    """A command cannot do what it was asked. Its message is for a person, on standard error."""


class InvalidDocumentError(CommandError):
    """The document that a command was given is not valid.

    Attributes:
        error: what is wrong with it.
    """

    def __init__(self, source: str, error: DocumentError) -> None:
        self.error = error
        count = len(error.problems) + error.more
        super().__init__(f"{source}: {count} problem{'' if count == 1 else 's'}\n{error}")


def read_bytes(argument: str) -> bytes:
    """The content of a file, or of standard input for `-`; decompressed where it is gzip, or the name ends in `.gz`.

    Raises:
        CommandError: the file cannot be read, or holds too much when decompressed.
    """
    try:
        content = sys.stdin.buffer.read() if argument == "-" else Path(argument).read_bytes()
        return decompressed(content) if argument.endswith(_SUFFIX) or is_compressed(content) else content
    except OSError as error:
        reason = error.strerror or str(error)
    except (CompressionError, ValueError) as error:  # the latter for a NUL byte in the name
        reason = str(error)
    raise CommandError(f"cannot read {argument}: {reason}")


def read_document(argument: str) -> Document:
    """The document in a file, or in standard input for `-`.

    Raises:
        CommandError: the file cannot be read.
        InvalidDocumentError: what it holds is not a valid document.
    """
    content = read_bytes(argument)
    try:
        return Document.from_json(content)
    except DocumentError as error:
        raise InvalidDocumentError("standard input" if argument == "-" else argument, error) from None


def write_text(text: str, output: str = "-") -> None:
    """Write text to a file, compressed if its name ends in `.gz`, or to standard output for `-`.

    Raises:
        CommandError: the file cannot be written.
    """
    if output == "-":
        sys.stdout.write(text)
        return
    content = text.encode()
    try:
        Path(output).write_bytes(compressed(content) if output.endswith(_SUFFIX) else content)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise CommandError(f"cannot write {output}: {reason}") from None


def named_values(given: Iterable[str], option: str) -> dict[str, str]:
    """What the values of a repeatable option of the form `NAME=VALUE` say, by name.

    Args:
        given: the option's values.
        option: what the option is called, for errors.

    Raises:
        typer.BadParameter: one is not of that form, or a name is given twice.
    """
    found: dict[str, str] = {}
    for item in given:
        name, equals, value = item.partition("=")
        if not (name and equals and value):
            raise typer.BadParameter(f"{option} {item!r} is not of the form NAME=VALUE")
        if name in found:
            raise typer.BadParameter(f"{option} names {name!r} twice")
        found[name] = value
    return found


def named_sizes(given: Iterable[str], option: str) -> dict[str, int]:
    """The sizes that a repeatable option of the form `NAME=SIZE` gives, by name.

    Args:
        given: the option's values.
        option: what the option is called, for errors.

    Raises:
        typer.BadParameter: one is not of that form, or a name is given twice.
    """
    values = named_values(given, option)
    for name, value in values.items():
        if not (value.isascii() and value.isdecimal()):
            raise typer.BadParameter(f"{option} {name} is {value!r}; a size is needed")
    return {name: int(value) for name, value in values.items()}


def failing_with(status: int) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Mark a command whose errors are told by another exit status than 1, because 1 is an answer of it."""

    def mark(command: Callable[P, None]) -> Callable[P, None]:
        _FAILURE_STATUS[command] = status
        return command

    return mark


def guarded(command: Callable[P, None], extra: str | None = None) -> Callable[P, None]:
    """`command` with its errors said on standard error and exit code 1, or what `failing_with` says.

    Args:
        command: the function behind a command.
        extra: the extra of the distribution that brings what the command imports, to be named where it is missing.
    """
    status = _FAILURE_STATUS.get(command, 1)

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
            sys.stdout.flush()
        except BrokenPipeError:  # the reader has seen enough
            _discard_standard_output()
            raise typer.Exit(status) from None
        except AsgError as error:
            _fail(str(error), status)
        except OSError as error:
            _discard_standard_output()
            named = f"{error.filename}: " if error.filename else ""
            _fail(f"{named}{error.strerror or error}", status)
        except ModuleNotFoundError as error:
            _fail(missing_module(error, extra), status)
        except MemoryError:
            _fail("there is not enough memory for this", status)

    return run


def missing_module(error: ModuleNotFoundError, extra: str | None) -> str:
    """What to install when a library is missing."""
    if (error.name or "").startswith("asg_"):
        return f"{error.name} is not part of this installation"
    wanted = f"asgraph[{extra}]" if extra else str(error.name)
    return f'{error.name} is not installed; install it with: pip install "{wanted}"'


def _fail(message: str, status: int) -> NoReturn:
    print(f"asg: {message}", file=sys.stderr)  # noqa: T201 - the command line's own output
    raise typer.Exit(status)


def _discard_standard_output() -> None:
    """Send what is still buffered nowhere: it cannot be written, and at exit the interpreter would try again."""
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
