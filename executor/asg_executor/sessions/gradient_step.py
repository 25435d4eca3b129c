"""`GradientStep`: what a step does with the gradients that lie in the arenas, each part a document that is compiled."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np

from asg_executor.allowance import current_allowance
from asg_executor.engines.engine import Engine, Executable
from asg_executor.errors import MemoryLimitError, RunError
from asg_executor.memory_budget import MemoryClaim
from asg_executor.optimizers.errors import LearningRateError
from asg_executor.optimizers.optimizer import Optimizer
from asg_executor.optimizers.rule import VECTOR, accumulation_dtype, block_name
from asg_executor.optimizers.schedules.schedule import Schedule
from asg_executor.optimizers.step_documents import (
    accumulate_document,
    average_document,
    clip_norm_document,
    clip_value_document,
    scale_document,
    unscale_document,
)
from asg_executor.plan.arrays import Array, numpy_dtype
from asg_executor.plan.binding import bind_symbols
from asg_executor.sessions.arenas import Arena, Arenas, Stretch
from asg_schema.document import Document

__all__ = ["GradientStep"]

_NOTHING: Mapping[str, Array] = {}


class GradientStep:
    """Applies gradients to parameters: the loss scale, clipping, the update rules, the average of the weights.

    Everything is compiled at the first use, for the arenas' memory.

    Args:
        engine: it compiles the documents.
        optimizer: the settings.
        arenas: the memory.
        memory_limit: how many bytes a compiled document may take.
        loss_scale: what the gradients are multiplied by, float32, rank 0, read in place; None where they are not.

    Attributes:
        accumulations: how many sums of micro-batches were begun.
    """

    def __init__(
        self,
        engine: Engine,
        optimizer: Optimizer,
        arenas: Arenas,
        memory_limit: int | None,
        loss_scale: Array | None = None,
    ) -> None:
        self._engine = engine
        self._optimizer = optimizer
        self._arenas = arenas
        self._memory_limit = memory_limit
        # What changes from step to step is read in place: that spares each document a copy, and Python a dictionary.
        self._step = np.zeros((), np.int64)
        self._loss_scale = loss_scale
        self._finite: list[Array] = []
        self._unscales: list[Executable] = []
        self._share = np.zeros((), np.float64)
        self._rates: list[tuple[Stretch, Array]] = []
        self._clips: list[Executable] = []
        self._calls: list[Executable] | None = None
        self._change: Executable | None = None  # the only call that changes the state
        self._totals: list[Array] | None = None
        self._add: list[Executable] = []
        self._divide: list[Executable] = []
        self._claim: MemoryClaim | None = None
        self.accumulations = 0

    def prepare(self) -> None:
        """Compile what is not compiled. Whatever can fail for the settings fails here."""
        if self._calls is not None:
            return
        arenas = self._arenas.trained
        stretches = [stretch for arena in arenas for stretch in arena.stretches if stretch.begins[-1]]
        self._rates = [(stretch, _first_rate(stretch)) for stretch in stretches]
        self._finite = [np.zeros((), np.bool_) for _ in arenas]
        self._unscales = self._compiled_unscales(arenas)
        updates = [self._compiled_update(stretch, rate) for stretch, rate in self._rates]
        changes = [*updates, *self._compiled_averages(arenas)]
        self._change = changes[0] if len(changes) == 1 else None
        self._clips = self._compiled_clips(arenas)
        self._calls = [*self._clips, *changes]

    def unscale(self) -> bool:
        """Divide the gradients by the loss scale, where they have one; whether all of them are finite then.

        Where they have none that is not looked at, and true.
        """
        self.prepare()
        for unscale in self._unscales:
            unscale(_NOTHING)
        return self._loss_scale is None or all(map(bool, self._finite))

    def changes_at_once(self) -> bool:
        """Whether `apply_noted` can be called."""
        self.prepare()
        return self._change is not None and self._change.run_noted is not None

    def apply_noted(self, number: int, done: list[None]) -> None:
        """Apply the gradients in step `number`, and append to a list, as one; see `Executable.run_noted`.

        Args:
            number: the step's number.
            done: what is appended to when the state has changed. Whatever is raised before leaves the state as it was.

        Raises:
            LearningRateError: as `apply`.
        """
        run_noted = None if self._change is None else self._change.run_noted
        assert run_noted is not None, "changes_at_once says so"
        self._set_rates(number)
        for clip in self._clips:
            clip(_NOTHING)
        current_allowance().check_time()
        run_noted(done)

    def apply(self, number: int) -> None:
        """Apply the gradients in step `number`.

        Raises:
            LearningRateError: a schedule gives no finite learning rate for the step.
            RunError: a node of a client's own update document could not be computed.
        """
        self.prepare()
        self._set_rates(number)
        try:
            for call in self._calls or ():
                call(_NOTHING)
        except RunError as error:
            raise RunError(
                error.node, error.op, f"{error.reason}; the node is one of the optimizer's document"
            ) from None

    def _set_rates(self, number: int) -> None:
        self._step[()] = number
        for stretch, rate in self._rates:
            if isinstance(stretch.rule.rate, Schedule):
                rate[()] = _scheduled(stretch, stretch.rule.rate, number)

    def __iter__(self) -> Iterator[Executable]:
        """What `unscale` and `apply` call, in order; nothing before they were prepared."""
        yield from self._unscales
        yield from self._calls or ()

    def _compile(self, document: Document, changed: Mapping[str, Array], read: Mapping[str, Array]) -> Executable:
        """Compile a document whose outputs are written over `changed`, and which reads these and `read`."""
        types = {item.id: item.type for item in document.inputs}
        bound = {name: array for name, array in {**changed, **read}.items() if name in types}
        symbols = bind_symbols({name: types[name] for name in bound}, bound)
        return self._engine.compile(
            document, symbols, bound=bound, destinations=changed, memory_limit=self._memory_limit
        )

    def _compiled_update(self, stretch: Stretch, rate: Array) -> Executable:
        rule, blocks = stretch.rule, [block for block in stretch.blocks if block.parameter.size]
        changed: dict[str, Array] = {}
        read: dict[str, Array] = {"step": self._step, "learning_rate": rate}
        for index, block in enumerate(blocks):
            name = partial(block_name, rule, number=index)
            changed |= {name("parameter"): block.parameter, **{name(key): slot for key, slot in block.slots.items()}}
            read[name("gradient")] = block.gradient
        shapes = [block.parameter.shape for block in blocks] if rule.whole else [VECTOR]
        return self._compile(rule.update_document(stretch.dtype, shapes), changed, read)

    def _compiled_unscales(self, arenas: Sequence[Arena]) -> list[Executable]:
        scale = self._loss_scale
        return [
            self._compile(
                unscale_document(arena.dtype), {"gradient": arena.gradients, "finite": finite}, {"loss_scale": scale}
            )
            for arena, finite in zip(arenas, self._finite, strict=True)
            if scale is not None
        ]

    def _compiled_clips(self, arenas: Sequence[Arena]) -> list[Executable]:
        value, norm = self._optimizer.clip_value, self._optimizer.clip_global_norm
        clips: list[Executable] = []
        if value is not None:
            clips += [
                self._compile(clip_value_document(arena.dtype, value), {"gradient": arena.gradients}, {})
                for arena in arenas
            ]
        if norm is not None and arenas:
            gradients = {f"gradient.{index}": arena.gradients for index, arena in enumerate(arenas)}
            clips.append(self._compile(clip_norm_document([arena.dtype for arena in arenas], norm), gradients, {}))
        return clips

    def _compiled_averages(self, arenas: Sequence[Arena]) -> list[Executable]:
        decay = self._optimizer.average_decay
        return [
            self._compile(
                average_document(arena.dtype, decay),
                {"average": arena.average},
                {"parameter": arena.trained, "step": self._step},
            )
            for arena in arenas
            if decay is not None and arena.average is not None
        ]

    def begin_accumulation(self) -> None:
        """Start the sums of the micro-batches' gradients.

        Raises:
            MemoryLimitError: there is no room for them.
        """
        self.prepare()
        if self._totals is None:
            self._totals = self._make_totals()
        self.accumulations += 1
        for total in self._totals:
            total.fill(0)

    def accumulate(self) -> None:
        """Add the gradients in the arenas to the sums."""
        for add in self._add:
            add(_NOTHING)

    def finish_accumulation(self, count: int) -> None:
        """Put the sums of `count` micro-batches, or their means, where the gradients were."""
        self._share[()] = 1.0 / count if self._optimizer.accumulation == "mean" else 1.0
        for divide in self._divide:
            divide(_NOTHING)

    def _make_totals(self) -> list[Array]:
        arenas = self._arenas.trained
        dtypes = [numpy_dtype(accumulation_dtype(arena.dtype)) for arena in arenas]
        needed = sum(arena.trained.size * dtype.itemsize for arena, dtype in zip(arenas, dtypes, strict=True))
        if self._memory_limit is not None and needed > self._memory_limit:
            raise MemoryLimitError(
                f"the sums of the gradients take {needed} bytes; at most {self._memory_limit} are allowed"
            )
        self._claim = current_allowance().claim_memory("the sums of the gradients", needed)
        totals = [np.zeros(arena.trained.size, dtype) for arena, dtype in zip(arenas, dtypes, strict=True)]
        pairs = list(zip(arenas, totals, strict=True))
        self._add = [
            self._compile(accumulate_document(arena.dtype), {"total": total}, {"gradient": arena.gradients})
            for arena, total in pairs
        ]
        self._divide = [
            self._compile(
                scale_document(arena.dtype), {"gradient": arena.gradients}, {"total": total, "share": self._share}
            )
            for arena, total in pairs
        ]
        return totals


def _first_rate(stretch: Stretch) -> Array:
    """Where the learning rate of a stretch stands; a schedule's comes with each step."""
    rate = stretch.rule.rate
    return np.array(0.0 if rate is None or isinstance(rate, Schedule) else rate, np.float64)


def _scheduled(stretch: Stretch, schedule: Schedule, number: int) -> float:
    """The learning rate of step `number`."""
    value = schedule.at(number - 1)
    wide = accumulation_dtype(stretch.dtype)
    if not abs(value) < wide.overflow:
        raise LearningRateError(
            f"the learning rate of step {number} is {value}, by the schedule of {stretch.rule.name} for "
            f'"{stretch.names[0]}"; one that does not overflow {wide.value} is needed'
        )
    return value
