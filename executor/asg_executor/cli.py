"""The executor's commands: `asg serve`, `asg keys`, `asg repair`, `asg run`, `asg plan` and `asg export`.

What a command needs is imported where it runs, so that the other commands and the help need not wait for it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from asg_executor.keys_command import create_key, list_keys, revoke_key
from asg_executor.repair_command import repair_directory
from asg_schema.command_line import named_sizes, write_text
from asg_schema.garbage_collection import garbage_collection_paused

__all__ = ["commands", "export", "plan", "run", "serve"]

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
        bool | None,
        typer.Option("--allow-remote", help="Serve other machines without keys, where something else protects it."),
    ] = None,
    require_key: Annotated[
        bool | None, typer.Option("--require-key", help="Ask for a key on an address of this machine alone, too.")
    ] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
    log_format: Annotated[str | None, typer.Option(help="text or json; auto is text on a terminal.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="A TOML file with settings; absent: the one that ASG_CONFIG names.")
    ] = None,
    show_settings: Annotated[
        bool, typer.Option("--show-settings", help="Show every setting and where it came from, and serve nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Show the settings as JSON.")] = False,
    announce_json: Annotated[
        bool, typer.Option("--announce-json", help='Print {"url": …} on standard output once ready, for programs.')
    ] = False,
    exit_with_parent: Annotated[
        bool, typer.Option("--exit-with-parent", help="Stop when standard input is closed, as when a parent dies.")
    ] = False,
) -> None:
    """Serve the executor over HTTP.

    Settings come from options, then the environment (ASG_PORT=9000), then a
    TOML file; --show-settings shows them all, with those that are no options.

    Without --data-dir the user's own directory for the port is taken. What is
    served on port 0 is removed at the end: nobody could find it again.

    Where other machines can reach it, requests need a key, which
    asg keys create makes.
    """
    with garbage_collection_paused():  # modules stay
        from asg_executor.serve_command import ServeOptions, serve_executor

    given = {
        "host": host,
        "port": port,
        "data_dir": data_dir,
        "engine": engine,
        "workers": workers,
        "allow_remote": allow_remote,
        "require_key": require_key,
        "log_level": log_level,
        "log_format": log_format,
    }
    options = ServeOptions(
        given={name: value for name, value in given.items() if value is not None},
        config=config,
        show_settings=show_settings,
        as_json=as_json,
        announce_json=announce_json,
        exit_with_parent=exit_with_parent,
    )
    serve_executor(options)


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


def plan(
    document: DocumentArgument,
    engine: Annotated[str, typer.Option(help="The engine.")] = "auto",
    symbol: Annotated[
        list[str] | None, typer.Option(metavar="NAME=SIZE", help="The size of a symbol. May be repeated.")
    ] = None,
    stats: Annotated[
        bool, typer.Option("--stats", help="The document's figures and the engine's memory instead of the stages.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON, for a program.")] = False,
) -> None:
    """Show how an engine would run a document: kernels, fusion and memory."""
    from asg_executor.plan_command import describe_plan

    sizes = named_sizes(symbol or (), "--symbol")
    write_text(describe_plan(document, sizes, engine=engine, with_statistics=stats, as_json=as_json))


commands: list[tuple[str, Callable[..., Any]]] = [
    ("serve", serve),
    ("keys create", create_key),
    ("keys list", list_keys),
    ("keys revoke", revoke_key),
    ("repair", repair_directory),
    ("run", run),
    ("plan", plan),
    ("export", export),
]
