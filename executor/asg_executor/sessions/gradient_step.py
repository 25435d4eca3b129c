"""`GradientStep`: what a step does with the gradients that lie in the arenas, each part a document that is compiled."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeAlias

import numpy as np

from asg_executor.engines.engine import Engine, Executable
from asg_executor.errors import MemoryLimitError
from asg_executor.optimizers.errors import LearningRateError
from asg_executor.optimizers.optimizer import Optimizer
from asg_executor.optimizers.rule import VECTOR, accumulation_dtype, block_name
from asg_executor.optimizers.schedules.choice import learning_rate_at
from asg_executor.optimizers.step_documents import (
    accumulate_document,
    average_document,
    clip_norm_document,
    clip_value_document,
    scale_document,
)
from asg_executor.plan.arrays import Array, numpy_dtype
from asg_executor.plan.binding import bind_symbols
from asg_executor.sessions.arenas import Arena, Arenas, Stretch
from asg_schema.document import Document

__all__ = ["GradientStep"]

_Call: TypeAlias = Callable[[Mapping[str, Array]], object]


class GradientStep:
    """Applies gradients to parameters: clipping, the update rules, the average of the weights.

    Everything is compiled at the first use, for the arenas' memory.

    Args:
        engine: it compiles the documents.
        optimizer: the settings.
        arenas: the memory.
        memory_limit: how many bytes a compiled document may take.
    """

    def __init__(self, engine: Engine, optimizer: Optimizer, arenas: Arenas, memory_limit: int | None) -> None:
        self._engine = engine
        self._optimizer = optimizer
        self._arenas = arenas
        self._memory_limit = memory_limit
        self._updates: list[tuple[Stretch, Executable]] = []
        self._before: list[_Call] = []
        self._after: list[_Call] = []
        self._is_compiled = False
        self._totals: list[Array] | None = None
        self._add: list[_Call] = []
        self._share: list[_Call] = []

    def prepare(self) -> None:
        """Compile what is not compiled. Whatever can fail for the settings fails here."""
        if self._is_compiled:
            return
        arenas = self._arenas.trained
        stretches = [stretch for arena in arenas for stretch in arena.stretches if stretch.begins[-1]]
        updates = [(stretch, self._compiled_update(stretch)) for stretch in stretches]
        self._before, self._after = self._compiled_clips(arenas), self._compiled_averages(arenas)
        self._updates, self._is_compiled = updates, True

    def apply(self, number: int) -> None:
        """Apply the gradients in step `number`.

        Raises:
            LearningRateError: a schedule gives no finite learning rate for the step.
        """
        self.prepare()
        step = {"step": np.array(number, np.int64)}
        rates = [self._rate(stretch, number) for stretch, _ in self._updates]
        for clip in self._before:
            clip(step)
        for (_, update), rate in zip(self._updates, rates, strict=True):
            update({**step, "learning_rate": rate})
        for average in self._after:
            average(step)

    def _rate(self, stretch: Stretch, number: int) -> Array:
        rate = stretch.rule.rate
        value = 0.0 if rate is None else learning_rate_at(rate, number - 1)
        if not math.isfinite(value):
            raise LearningRateError(
                f"the learning rate of step {number} is {value}, by the schedule of {stretch.rule.name} for "
                f'"{stretch.names[0]}"; a finite one is needed'
            )
        return np.array(value, np.float64)

    def _compile(self, document: Document, changed: Mapping[str, Array], read: Mapping[str, Array]) -> Executable:
        """Compile a document whose outputs are written over `changed`, and which reads these and `read`."""
        types = {item.id: item.type for item in document.inputs}
        bound = {name: array for name, array in {**changed, **read}.items() if name in types}
        symbols = bind_symbols({name: types[name] for name in bound}, bound)
        return self._engine.compile(
            document, symbols, bound=bound, destinations=changed, memory_limit=self._memory_limit
        )

    def _compiled_update(self, stretch: Stretch) -> Executable:
        rule, blocks = stretch.rule, [block for block in stretch.blocks if block.parameter.size]
        changed: dict[str, Array] = {}
        read: dict[str, Array] = {}
        for index, block in enumerate(blocks):
            name = partial(block_name, rule, number=index)
            changed |= {name("parameter"): block.parameter, **{name(key): slot for key, slot in block.slots.items()}}
            read[name("gradient")] = block.gradient
        shapes = [block.parameter.shape for block in blocks] if rule.whole else [VECTOR]
        return self._compile(rule.update_document(stretch.dtype, shapes), changed, read)

    def _compiled_clips(self, arenas: Sequence[Arena]) -> list[_Call]:
        value, norm = self._optimizer.clip_value, self._optimizer.clip_global_norm
        clips: list[_Call] = []
        if value is not None:
            clips += [
                self._compile(clip_value_document(arena.dtype, value), {"gradient": arena.gradients}, {})
                for arena in arenas
            ]
        if norm is not None and arenas:
            gradients = {f"gradient.{index}": arena.gradients for index, arena in enumerate(arenas)}
            clips.append(self._compile(clip_norm_document([arena.dtype for arena in arenas], norm), gradients, {}))
        return clips

    def _compiled_averages(self, arenas: Sequence[Arena]) -> list[_Call]:
        decay = self._optimizer.average_decay
        return [
            self._compile(
                average_document(arena.dtype, decay), {"average": arena.average}, {"parameter": arena.trained}
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
        for total in self._totals:
            total.fill(0)

    def accumulate(self) -> None:
        """Add the gradients in the arenas to the sums."""
        for add in self._add:
            add({})

    def finish_accumulation(self, count: int) -> None:
        """Put the sums of `count` micro-batches, or their means, where the gradients were."""
        share = 1.0 / count if self._optimizer.accumulation == "mean" else 1.0
        for scale in self._share:
            scale({"share": np.array(share, np.float64)})

    def _make_totals(self) -> list[Array]:
        arenas = self._arenas.trained
        dtypes = [numpy_dtype(accumulation_dtype(arena.dtype)) for arena in arenas]
        needed = sum(arena.trained.size * dtype.itemsize for arena, dtype in zip(arenas, dtypes, strict=True))
        if self._memory_limit is not None and needed > self._memory_limit:
            raise MemoryLimitError(
                f"the sums of the gradients take {needed} bytes; at most {self._memory_limit} are allowed"
            )
        totals = [np.zeros(arena.trained.size, dtype) for arena, dtype in zip(arenas, dtypes, strict=True)]
        pairs = list(zip(arenas, totals, strict=True))
        self._add = [
            self._compile(accumulate_document(arena.dtype), {"total": total}, {"gradient": arena.gradients})
            for arena, total in pairs
        ]
        self._share = [
            self._compile(scale_document(arena.dtype), {"gradient": arena.gradients}, {"total": total})
            for arena, total in pairs
        ]
        return totals
