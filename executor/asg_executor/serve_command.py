"""What `asg serve` does: settings, a listening socket, the application, and a server around it.

Exit codes: 0 after a stop that finished all that was begun, 1 where the port or the data directory cannot be used, 2
for wrong usage, 3 after a stop that had to abandon work.
"""

import errno
import json
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, NoReturn

import typer

from asg_executor.access.exposure import is_loopback, key_required
from asg_executor.access.key_files import has_good_key
from asg_executor.api.memory import keep_freed_memory
from asg_executor.api.server import Server, url_of
from asg_executor.api.service import Service
from asg_executor.app import create_app
from asg_executor.banner import banner
from asg_executor.blas import default_blas_threads
from asg_executor.observability.logs import configure_logging
from asg_executor.settings import Settings
from asg_executor.settings_sources import SettingsError, load_settings, unknown_variables
from asg_executor.settings_table import settings_json, settings_table
from asg_executor.store.errors import StoreError
from asg_executor.store.location import data_directory
from asg_schema.command_line import write_text
from asg_schema.errors import AsgError

__all__ = ["ServeOptions", "serve_executor"]

_FAILED, _WRONG_USAGE, _ABANDONED = 1, 2, 3
_log = logging.getLogger("asg_executor")


class ServeOptions(NamedTuple):
    """What the command line says.

    Attributes:
        given: the settings that it gives, by name.
        config: the file with further settings.
        show_settings: whether the settings are shown and nothing is served.
        as_json: whether they are shown as JSON.
        announce_json: whether the URL is announced as JSON.
        exit_with_parent: whether the server stops when standard input is closed.
    """

    given: Mapping[str, Any]
    config: Path | None
    show_settings: bool
    as_json: bool
    announce_json: bool
    exit_with_parent: bool


def serve_executor(options: ServeOptions) -> None:
    """Serve until a signal comes.

    Args:
        options: what the command line says.

    Raises:
        typer.Exit: it cannot serve; the reason is on standard error.
    """
    if options.as_json and not options.show_settings:
        _fail("--json is for --show-settings; --announce-json is for programs that start a server", _WRONG_USAGE)
    try:
        loaded = load_settings(options.given, options.config)
    except SettingsError as error:
        _fail(str(error), _WRONG_USAGE)
    if options.show_settings:
        write_text(settings_json(loaded) + "\n" if options.as_json else settings_table(loaded))
        return
    settings = loaded.settings
    configure_logging(settings.log_level, settings.log_format)
    for complaint in unknown_variables(os.environ):
        _log.warning(complaint)
    is_temporary = settings.data_dir is None and not settings.port

    def say(url: str, service: Service) -> None:
        text = banner(url, service, is_temporary=is_temporary)
        typer.echo(json.dumps({"url": url}) if options.announce_json else text)
        sys.stdout.flush()

    with _data_directory(settings) as directory:
        _check_exposure(settings, directory)
        threads = settings.blas_threads or default_blas_threads(settings.workers)
        settings = settings.model_copy(update={"data_dir": directory, "blas_threads": threads})
        server = _serve(settings, say, exit_with_parent=options.exit_with_parent)
    if server.failure is not None:
        _report(server.failure)
    if server.service is None or server.has_abandoned_work:
        # A thread cannot be stopped, and the interpreter would wait for it.
        os._exit(_ABANDONED if server.has_abandoned_work else 0)


def _serve(settings: Settings, say: Callable[[str, Service], None], *, exit_with_parent: bool) -> Server:
    """Serve until a signal comes, or the application cannot be made."""
    listener = _listen(settings)
    names = {"localhost", settings.host.lower()} if is_loopback(settings.host) else None
    keep_freed_memory()
    server = Server(
        settings, lambda: create_app(settings, host_names=names), lambda service: say(url_of(listener), service)
    )
    if exit_with_parent:
        threading.Thread(target=_wait_for_end_of_input, args=(server.request_stop,), daemon=True).start()
    server.run(sockets=[listener])
    return server


def _report(failure: BaseException) -> NoReturn:
    """Say why the application could not be made."""
    if not isinstance(failure, AsgError):
        raise failure
    _fail(str(failure), _FAILED if isinstance(failure, StoreError) else _WRONG_USAGE)


@contextmanager
def _data_directory(settings: Settings) -> Generator[Path]:
    """The data directory; on port 0 one that is removed at the end."""
    directory = data_directory(settings)
    if directory is not None:
        yield directory
    else:
        with TemporaryDirectory(prefix="asg-", ignore_cleanup_errors=True) as temporary:
            yield Path(temporary)


def _check_exposure(settings: Settings, directory: Path) -> None:
    """Refuse to listen where other machines can reach the service while nothing protects it."""
    if not key_required(settings):
        if not is_loopback(settings.host):
            _log.warning(
                "whoever reaches %s can do everything: --allow-remote serves without keys, and something else has to "
                "protect the service",
                settings.host,
            )
        return
    try:
        protected = has_good_key(directory)
    except StoreError as error:
        _fail(str(error), _FAILED)
    if not protected:
        why, otherwise = "keys are required (ASG_REQUIRE_KEY)", ""
        if not settings.require_key:
            why = f"other machines can reach {settings.host}"
            otherwise = " Where something else protects the service, --allow-remote serves without keys."
        lasts = settings.data_dir is not None or settings.port
        where = str(directory) if lasts else "DIRECTORY, and name that with --data-dir here"
        _fail(
            f"{why}, and there is no key; make one with asg keys create --name NAME --data-dir {where}.{otherwise}",
            _WRONG_USAGE,
        )


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, settings.port), family=family)
        # Accepted connections inherit it. asyncio sets it only where the socket names its protocol; without it a
        # response waits 40 ms for the acknowledgement of its headers.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while attempting")[0]
        hint = "; --port 0 takes a free port" if error.errno == errno.EADDRINUSE else ""
        _fail(f"cannot listen on {settings.host}:{settings.port}: {reason}{hint}", _FAILED)


def _wait_for_end_of_input(stop: Callable[[], None]) -> None:
    """Read standard input to its end, which comes even when the process at its other end was killed."""
    while sys.stdin.buffer.read(4096):
        pass
    stop()


def _fail(message: str, status: int) -> NoReturn:
    typer.echo(f"asg: {message}", err=True)
    raise typer.Exit(status)
