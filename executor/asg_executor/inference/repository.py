"""`ModelRepository`: sessions' graphs as models, with the values of their parameters that are kept ready."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from asg_executor.engines.lookup import engine_named
from asg_executor.inference.errors import UnknownModelError
from asg_executor.inference.model import ServedModel
from asg_executor.inference.statistics import ModelStatistics
from asg_executor.memory_budget import MemoryBudget
from asg_executor.sessions.errors import NothingKeptError
from asg_executor.sessions.graph_set import TRAIN
from asg_executor.sessions.held_session import HeldSession
from asg_executor.sessions.precision import contraction_dtype
from asg_executor.store.checkpoints import Checkpoint
from asg_schema.wire import nearest, show_value

__all__ = [
    "LATEST",
    "InSession",
    "ModelName",
    "ModelRepository",
    "graph_of",
    "model_names",
    "require_version",
    "versions_of",
]

LATEST = "latest"
"""The version that is a session's present state; the others are its checkpoints."""

_PREDICT = "predict"
_VALUE = "value:"
_MOST_KNOWN = 1_024  # names

InSession: TypeAlias = Callable[[HeldSession, Callable[[], None]], Awaitable[None]]
"""Calls a function in a thread while the session is held."""


class ModelName(NamedTuple):
    """Which graph of which session a model is.

    Attributes:
        session: the session's id.
        graph: the graph's name; None for the one that the session's own name stands for.
    """

    session: str
    graph: str | None

    @staticmethod
    @lru_cache(_MOST_KNOWN)
    def parse(text: str) -> "ModelName":
        """The name as it stands in a URL: `<session>` or `<session>.<graph>`."""
        session, dot, graph = text.partition(".")
        return ModelName(session, graph if dot else None)


def graph_of(held: HeldSession, name: ModelName) -> str:
    """The graph that a model's name means.

    Raises:
        UnknownModelError: there is none, or the session's name alone could mean several.
    """
    graphs = held.session.graphs
    if name.graph is not None:
        if name.graph in graphs:
            return name.graph
        hint = nearest(name.graph, graphs) or f"; it has {', '.join(map(show_value, graphs))}"
        raise UnknownModelError(f"the session {held.id} has no graph {show_value(name.graph)}{hint}")
    if _PREDICT in graphs:
        return _PREDICT
    others = [graph for graph in graphs if graph != TRAIN]
    if len(others) == 1:
        return others[0]
    listed = ", ".join(f"{held.id}.{graph}" for graph in graphs)
    raise UnknownModelError(
        f'the session {held.id} has no graph "{_PREDICT}" and not exactly one beside "{TRAIN}": the model is one of '
        f"{listed}"
    )


def model_names(held: HeldSession) -> list[str]:
    """The names of a session's models: that of the session first, where it means a graph."""
    names = [f"{held.id}.{graph}" for graph in held.session.graphs if "/" not in graph]
    try:
        graph_of(held, ModelName(held.id, None))
    except UnknownModelError:
        return names
    return [held.id, *names]


def _checkpoints_of(held: HeldSession) -> list[Checkpoint]:
    """A session's checkpoints; none where nothing is kept."""
    try:
        return held.checkpoints.all()
    except NothingKeptError:
        return []


def versions_of(held: HeldSession) -> list[str]:
    """The versions of each of a session's models."""
    return [LATEST, *(item.name for item in _checkpoints_of(held) if item.name != LATEST)]


class _Key(NamedTuple):
    session: str
    graph: str
    version: str


@dataclass(slots=True, eq=False)
class _Entry:
    """A model that is kept ready.

    Attributes:
        model: the model.
        held: the session that it is of.
        checkpoint: the checkpoint that it has the parameters of; None for the present state.
        removals: how many checkpoints the session had lost when it was last looked at.
    """

    model: ServedModel
    held: HeldSession
    checkpoint: Checkpoint | None = None
    removals: int = 0


class ModelRepository:
    """The models that were asked for last, as many as fit into the memory. Used from the event loop alone.

    Args:
        memory_limit: how many bytes one model may take.
        cache_bytes: how many bytes all of them may take together; the one that was asked for last is kept in any case.
        budget: what counts the memory of all that the service keeps; None for nothing.
    """

    def __init__(self, memory_limit: int, cache_bytes: int, budget: MemoryBudget | None = None) -> None:
        self._memory_limit = memory_limit
        self._budget = budget
        self._cache_bytes = cache_bytes
        self._entries: OrderedDict[_Key, _Entry] = OrderedDict()
        self._statistics: dict[_Key, ModelStatistics] = {}

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def held_bytes(self) -> int:
        """The memory that the models take, about."""
        return sum(entry.model.held_bytes for entry in self._entries.values())

    def statistics(self, held: HeldSession, graph: str, version: str) -> ModelStatistics:
        """What was asked of a version of a model."""
        key = _Key(held.id, graph, version)
        found = self._statistics.get(key)
        if found is None:
            found = self._statistics[key] = ModelStatistics()
        return found

    def known_statistics(self, held: HeldSession, graph: str) -> dict[str, ModelStatistics]:
        """What was asked of each version of a model that was asked for, by version."""
        known = list(self._statistics.items())
        return {key.version: item for key, item in known if (key.session, key.graph) == (held.id, graph)}

    def ready(self, held: HeldSession, graph: str, version: str) -> ServedModel | None:
        """A model that can be run at once; None where there is something to be done first."""
        key = _Key(held.id, graph, version)
        entry = self._entries.get(key)
        if entry is None or entry.held is not held:
            return None
        if entry.checkpoint is None:
            is_ready = entry.model.revision == held.revision
        else:
            is_ready = entry.model.revision == 0 and entry.removals == held.checkpoints.removals
        if not is_ready:
            return None
        self._entries.move_to_end(key)
        return entry.model

    async def prepare(self, held: HeldSession, graph: str, version: str, in_session: InSession) -> ServedModel:
        """A model with the parameters of the session's present state, or of a checkpoint.

        Args:
            held: the session.
            graph: the name of its graph.
            version: `LATEST`, or the name of a checkpoint.
            in_session: calls a function in a thread while the session is held.

        Raises:
            UnknownModelError: there is no such version.
            MemoryLimitError: the model takes more memory than it may.
            StoreError: the checkpoint cannot be read.
        """
        key = _Key(held.id, graph, version)
        if version == LATEST:
            model = await self._latest(key, held, in_session)
        else:
            model = await self._checkpoint(key, held, in_session)
        self._entries.move_to_end(key)
        self.trim()
        return model

    async def _latest(self, key: _Key, held: HeldSession, in_session: InSession) -> ServedModel:
        entry = self._entries.get(key)
        if entry is None or entry.held is not held:
            entry = self._insert(key, _Entry(self._model(held, key.graph), held))
        model = entry.model
        await in_session(held, lambda: model.refresh(held))
        return model

    async def _checkpoint(self, key: _Key, held: HeldSession, in_session: InSession) -> ServedModel:
        loaded: list[_Entry] = []

        def load() -> None:
            present = self._entries.get(key)  # another request may have loaded it meanwhile
            removals = held.checkpoints.removals
            checkpoint = held.checkpoints.find(key.version)
            if checkpoint is None:
                return
            if present is not None and present.held is held and present.checkpoint == checkpoint:
                present.removals = removals
                loaded.append(present)
                return
            entry = _Entry(self._model(held, key.graph), held, checkpoint, removals)
            state = held.checkpoints.read(key.version)
            prefixed = {name: array for name, array in state.arrays.items() if name.startswith(_VALUE)}
            entry.model.load(state.number, {name.removeprefix(_VALUE): array for name, array in prefixed.items()}, 0)
            loaded.append(entry)

        try:
            await in_session(held, load)
        except NothingKeptError:
            loaded.clear()
        if not loaded:
            self._drop(key)
            self._statistics.pop(key, None)
            raise _unknown_version(held, key.version)
        if self._entries.get(key) is not loaded[0]:
            self._insert(key, loaded[0])
        return loaded[0].model

    def _model(self, held: HeldSession, graph: str) -> ServedModel:
        session = held.session
        engine = engine_named(session.engine)
        dtype = contraction_dtype(session.precision)
        return ServedModel(session.graph(graph), engine, session.seed, self._memory_limit, self._budget, dtype)

    def _insert(self, key: _Key, entry: _Entry) -> _Entry:
        self._drop(key)
        self._entries[key] = entry
        if entry.checkpoint is None:
            model, held = entry.model, entry.held
            # A new list, because another thread may be going through the old one.
            held.followers = [*held.followers, _Follower(model, held)]
        return entry

    def _drop(self, key: _Key) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None and entry.checkpoint is None:
            held, model = entry.held, entry.model
            held.followers = [
                item for item in held.followers if not (isinstance(item, _Follower) and item.model is model)
            ]

    def trim(self) -> None:
        """Let go of the models that were not asked for for longest, until the others fit into the memory."""
        while len(self._entries) > 1 and self.held_bytes > self._cache_bytes:
            self._drop(next(iter(self._entries)))

    def forget(self, session: str) -> None:
        """Let go of all that is known of a session's models."""
        for key in [key for key in self._entries if key.session == session]:
            self._drop(key)
        for key in [key for key in self._statistics if key.session == session]:
            del self._statistics[key]


@dataclass(frozen=True, slots=True)
class _Follower:
    """Has a model take over what became of a session."""

    model: ServedModel
    held: HeldSession

    def __call__(self) -> None:
        self.model.follow(self.held)


def _unknown_version(held: HeldSession, version: str) -> UnknownModelError:
    """The error of a version that a session's models do not have."""
    known = versions_of(held)
    hint = nearest(version, known) or f"; there are {', '.join(map(show_value, known))}"
    return UnknownModelError(f"there is no version {show_value(version)} of the models of the session {held.id}{hint}")


def require_version(held: HeldSession, version: str) -> None:
    """Refuse a version that a session's models do not have.

    Raises:
        UnknownModelError: it is none.
    """
    if version != LATEST and all(item.name != version for item in _checkpoints_of(held)):
        raise _unknown_version(held, version)
