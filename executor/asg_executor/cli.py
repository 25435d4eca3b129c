"""The executor's commands: `asg serve`, `asg run` and `asg export`.

What a command needs is imported where it runs, so that the other commands and the help need not wait for it.
"""

import errno
import ipaddress
import json
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from pydantic import ValidationError

from asg_schema.command_line import write_text
from asg_schema.errors import AsgError

if TYPE_CHECKING:
    from asg_executor.settings import Settings

__all__ = ["commands", "export", "run", "serve"]

_BAD_DATA, _WRONG_USAGE = 1, 2

DocumentArgument = Annotated[str, typer.Argument(help="The document's file; - is standard input.")]
ParametersOption = Annotated[
    Path | None, typer.Option(help="The parameters: a .safetensors file with one tensor for each.")
]
PrefixOption = Annotated[
    str, typer.Option(help="Put this before the names in that file, such as model. for a module's state dict.")
]
SeedOption = Annotated[
    int | None, typer.Option(help="Give the parameters that have no value their initial ones under this seed.")
]


def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="The port; 0 takes a free one.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where graphs, sessions and their steps are kept.")] = None,
    engine: Annotated[str | None, typer.Option(help="The engine of requests that name none.")] = None,
    workers: Annotated[int | None, typer.Option(help="How many requests compute at a time.")] = None,
    allow_remote: Annotated[
        bool | None, typer.Option("--allow-remote", help="Listen on an address that other machines can reach.")
    ] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
    announce_json: Annotated[
        bool, typer.Option("--announce-json", help='Print {"url": …} on standard output once ready, for programs.')
    ] = False,
    exit_with_parent: Annotated[
        bool, typer.Option("--exit-with-parent", help="Stop when standard input is closed, as when a parent dies.")
    ] = False,
) -> None:
    """Serve the executor over HTTP.

    Every setting can also come from the environment, as ASG_HOST, ASG_PORT, ASG_MAX_BODY_BYTES and so on; options come
    first. Without a data directory the user's own for the port is taken; what is served on port 0, which nobody finds
    again, keeps its data in a directory that is removed at the end.
    """
    given = {
        "host": host,
        "port": port,
        "data_dir": data_dir,
        "engine": engine,
        "workers": workers,
        "allow_remote": allow_remote,
        "log_level": log_level,
    }
    settings = _settings({name: value for name, value in given.items() if value is not None})
    _check_exposure(settings)
    _configure_logging(settings.log_level)
    with _data_directory(settings) as directory:
        settings = settings.model_copy(update={"data_dir": directory})
        finished = _serve(settings, announce_json=announce_json, exit_with_parent=exit_with_parent)
    if not finished:
        # A thread cannot be stopped, and the interpreter would wait for it.
        os._exit(_BAD_DATA)


def _serve(settings: "Settings", *, announce_json: bool, exit_with_parent: bool) -> bool:
    """Serve until a signal comes; whether all that was begun is finished then."""
    from asg_executor.api.memory import keep_freed_memory
    from asg_executor.api.server import Server, url_of
    from asg_executor.app import create_app
    from asg_executor.store.errors import StoreError

    listener = _listen(settings)
    try:
        names = None if settings.allow_remote else {"localhost", settings.host.lower()}
        app = create_app(settings, host_names=names)
    except AsgError as error:
        listener.close()
        _fail(str(error), _BAD_DATA if isinstance(error, StoreError) else _WRONG_USAGE)
    keep_freed_memory()
    server = Server(app, lambda: _announce(url_of(listener), settings, as_json=announce_json))
    if exit_with_parent:
        threading.Thread(target=_wait_for_end_of_input, args=(server.request_stop,), daemon=True).start()
    server.run(sockets=[listener])
    return not app.state.service.pool.busy


@contextmanager
def _data_directory(settings: "Settings") -> Generator[Path]:
    """The data directory; on port 0 one that is removed at the end."""
    import platformdirs

    if settings.data_dir is not None:
        yield settings.data_dir
    elif settings.port:
        yield platformdirs.user_data_path("asg") / f"port-{settings.port}"
    else:
        with TemporaryDirectory(prefix="asg-", ignore_cleanup_errors=True) as directory:
            yield Path(directory)


def _settings(given: dict[str, Any]) -> "Settings":
    from asg_executor.settings import Settings

    try:
        return Settings(**given)
    except ValidationError as error:
        names = [".".join(map(str, item["loc"])) for item in error.errors()]
        lines = [
            f"{name if name in given else f'ASG_{name.upper()}'}: {item['msg']}, not {item['input']!r}"
            for name, item in zip(names, error.errors(), strict=True)
        ]
        _fail("the settings are not valid:\n" + "\n".join(lines), _WRONG_USAGE)


def _check_exposure(settings: "Settings") -> None:
    if settings.allow_remote or settings.host == "localhost":
        return
    try:
        local = ipaddress.ip_address(settings.host).is_loopback
    except ValueError:
        local = False
    if not local:
        _fail(
            f"{settings.host} can be reached from other machines, and the service has no access keys: whoever reaches "
            "it can use it. Add --allow-remote (or ASG_ALLOW_REMOTE=true) if something else protects it.",
            _WRONG_USAGE,
        )


def _configure_logging(level: str) -> None:
    from asg_executor.api.request_context import RequestIdFilter

    handler = logging.StreamHandler()
    handler.addFilter(RequestIdFilter())
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler])


def _listen(settings: "Settings") -> socket.socket:
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
        _fail(f"cannot listen on {settings.host}:{settings.port}: {reason}{hint}", _BAD_DATA)


def _announce(url: str, settings: "Settings", *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"url": url}))
    else:
        typer.echo(f"The ASG executor listens on {url} (documentation: {url}/docs). Ctrl+C stops it.")
        typer.echo(f"Its data is in {settings.data_dir}{'' if settings.port else ', which is removed at the end'}.")
    sys.stdout.flush()


def _wait_for_end_of_input(stop: Callable[[], None]) -> None:
    """Read standard input to its end, which comes even when the process at its other end was killed."""
    while sys.stdin.buffer.read(4096):
        pass
    stop()


def _fail(message: str, status: int) -> NoReturn:
    typer.echo(f"asg: {message}", err=True)
    raise typer.Exit(status)


def run(
    document: DocumentArgument,
    input: Annotated[
        list[str] | None,
        typer.Option(help="NAME=VALUE: a .npy or .json file, or JSON such as 3 or [[1, 2]]. May be repeated."),
    ] = None,
    parameters: ParametersOption = None,
    prefix: PrefixOption = "",
    seed: SeedOption = None,
    output: Annotated[
        Path | None, typer.Option(help="Write the outputs to this .safetensors or .json file instead of printing them.")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="Compute only this output. May be repeated.")] = None,
    engine: Annotated[str, typer.Option(help="The engine.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print the outputs as JSON.")] = False,
) -> None:
    """Run a document once and show its outputs."""
    from asg_executor.run_command import run_document

    text = run_document(
        document,
        input or [],
        parameters=parameters,
        prefix=prefix,
        seed=seed,
        output=output,
        only=only or None,
        engine=engine,
        as_json=as_json,
    )
    write_text(text)


def export(
    document: DocumentArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="The .safetensors file to write.")],
    parameters: ParametersOption = None,
    prefix: PrefixOption = "",
    seed: SeedOption = None,
    strip: Annotated[
        str,
        typer.Option(
            help="Write only parameters whose names begin with this, such as model., under the rest of their names: a "
            "module's state dict."
        ),
    ] = "",
) -> None:
    """Write the weights of a document, initial or given ones, to a file that PyTorch reads."""
    from asg_executor.export_command import export_weights

    export_weights(document, output, parameters=parameters, prefix=prefix, seed=seed, strip=strip)


commands: list[tuple[str, Callable[..., Any]]] = [("serve", serve), ("run", run), ("export", export)]
