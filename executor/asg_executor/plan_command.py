"""What `asg plan` does: how an engine would run a document, without running it."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from asg_executor.engines.lookup import engine_named
from asg_executor.engines.planned_engine import PlannedEngine
from asg_executor.plan.arrays import concrete_shape, numpy_dtype
from asg_executor.plan.liveness import live_bytes
from asg_executor.plan.plan import Plan, Stage
from asg_schema.command_line import CommandError, read_document
from asg_schema.dims import symbols_of
from asg_schema.document import Document
from asg_schema.listing import Section, format_bytes, format_count, plain_text, statistics_listing
from asg_schema.listing_json import statistics_json
from asg_schema.statistics import statistics

__all__ = ["describe_plan"]

_MOST_NAMED = 6  # nodes of a stage


def describe_plan(source: str, symbols: Mapping[str, int], *, engine: str, with_statistics: bool, as_json: bool) -> str:
    """How an engine would run a document: its stages, what runs each of them, and the memory.

    Parameters are taken to be held by a session, so that their memory does not count.

    Args:
        source: the document's file; `-` is standard input.
        symbols: a size for each symbol in the shapes of its inputs.
        engine: the engine's name.
        with_statistics: whether to return the document's figures and the plan's totals instead of its stages.
        as_json: whether to return JSON instead of text for people.

    Raises:
        AsgError: the document is wrong, a symbol has no size, or there is no such engine.
    """
    document = read_document(source)
    _check_symbols(document, symbols)
    chosen = engine_named(engine)
    assert isinstance(chosen, PlannedEngine), "every engine makes a plan"
    bound = {item.id: np.empty(concrete_shape(item.type), numpy_dtype(item.dtype)) for item in document.parameters}
    plan = chosen.plan(document, symbols, bound=bound)
    found = statistics(document, symbols) if with_statistics else None
    if as_json:
        made = _plan_json(plan) if found is None else {**statistics_json(found), "plan": _totals_json(plan)}
        return json.dumps({"engine": chosen.name, **made}, indent=2, ensure_ascii=False) + "\n"
    sections = _sections(plan) if found is None else [*statistics_listing(found), _totals(plan)]
    return f"{document.name}  (engine {chosen.name})\n\n{plain_text(sections)}"


def _check_symbols(document: Document, given: Mapping[str, int]) -> None:
    """Refuse a size for what is no symbol of the inputs, and a symbol without one."""
    known = sorted({symbol for item in document.inputs for dim in item.shape for symbol in symbols_of(dim)})
    for name in given:
        if name not in known:
            listed = ", ".join(known) or "none"
            raise CommandError(f"--symbol {name}: the inputs have no such symbol; they have {listed}")
    missing = [name for name in known if name not in given]
    if missing:
        raise CommandError(f'the symbol "{missing[0]}" has no size; --symbol {missing[0]}=32 gives it one')


def _totals_json(plan: Plan) -> dict[str, Any]:
    return {
        "operations": plan.operations,
        "memory": {
            "peak_bytes": plan.peak_bytes,
            "arena_bytes": plan.arena_bytes,
            "tile_bytes": plan.tile_bytes,
            "constant_bytes": plan.constant_bytes,
            "live_bytes": live_bytes(plan),
        },
    }


def _plan_json(plan: Plan) -> dict[str, Any]:
    return {
        **_totals_json(plan),
        "stages": [
            {
                "kernel": stage.kernel,
                "operations": stage.operations,
                "nodes": _nodes(stage),
                "ops": [item.op.name for item in stage.instructions],
            }
            for stage in plan.stages
        ],
    }


def _totals(plan: Plan) -> Section:
    kinds = Counter(stage.kernel for stage in plan.stages)
    alive = live_bytes(plan)
    ratio = f", {plan.arena_bytes / alive:.2f} times that" if alive else ""
    totals = [
        ("stages", ", ".join(f"{count:,} {_KINDS[kind]}" for kind, count in sorted(kinds.items())) or "none"),
        ("operations", f"{plan.operations:,}"),
        ("peak", format_bytes(plan.peak_bytes)),
        ("alive at one time", format_bytes(alive)),
        ("arena", format_bytes(plan.arena_bytes) + ratio),
        ("tiles", format_bytes(plan.tile_bytes)),
        ("constants", format_bytes(plan.constant_bytes)),
    ]
    return Section("plan", ("what", "how many"), totals)


def _sections(plan: Plan) -> list[Section]:
    rows = [
        (str(number), stage.kernel, f"{stage.operations:,}", _named(_nodes(stage)))
        for number, stage in enumerate(plan.stages)
    ]
    sections = [
        _totals(plan),
        Section("stages", ("", "kernel", "operations", "nodes"), rows, True),
    ]
    fallbacks = [
        (item.origin.id, item.op.name, ", ".join(str(plan.program.types[name]) for name in item.operands))
        for stage in plan.stages
        if stage.kernel == "numpy"
        for item in stage.instructions
    ]
    if fallbacks and any(stage.kernel != "numpy" for stage in plan.stages):
        sections.append(Section("without a native kernel", ("node", "op", "operands"), fallbacks, True))
    return [section for section in sections if section.rows]


_KINDS = {
    "numpy": "with NumPy's kernels",
    "native": "native",
    "fused": "fused",
    "combination": "that combine what parts have found",
}


def _nodes(stage: Stage) -> list[str]:
    """The document's nodes that a stage computes, each once."""
    return list(dict.fromkeys(item.origin.id for item in stage.instructions))


def _named(nodes: Sequence[str]) -> str:
    more = len(nodes) - _MOST_NAMED
    return ", ".join(nodes[:_MOST_NAMED]) + (f" and {format_count(more, 'other')}" if more > 0 else "")
