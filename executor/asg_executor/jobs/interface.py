"""`JobInterface`: how the tensors of data sets become the inputs of a session's graphs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Self

from asg_executor.datasets.dataset import DatasetInfo
from asg_executor.jobs.batch_order import batches_per_epoch, micro_batch_sizes
from asg_executor.jobs.errors import InvalidJobError
from asg_executor.jobs.job_settings import JobSettings
from asg_executor.sessions.graph_set import TRAIN
from asg_executor.sessions.loss_scale import loss_scale_input
from asg_executor.sessions.selection import rng_key_inputs
from asg_executor.sessions.session import Session
from asg_schema.document import Document
from asg_schema.errors import Problem
from asg_schema.roles import MetricRole
from asg_schema.tensor_type import TensorType
from asg_schema.wire import json_pointer, nearest, show_value

__all__ = ["VALIDATION", "JobInterface"]

VALIDATION = "val_"
"""What the names of a validation's figures begin with."""

_MOST_FIGURES = 100
_MOST_ELEMENTS = 65_536


@dataclass(frozen=True, slots=True)
class JobInterface:
    """How data sets become inputs, and which outputs are figures.

    Attributes:
        inputs: the tensor of each input of `train`.
        figures: the outputs of `train` that a step answers: the loss, and metrics that are single numbers.
        validation_inputs: the tensor of each input of the validation's graph.
        validation_figures: the outputs of that graph: the loss, if it has one, and metrics.
        validation_numbers: how many numbers these are in all, the elements of arrays counted.
        steps_per_epoch: how many steps an epoch has.
    """

    inputs: Mapping[str, str]
    figures: Sequence[str]
    validation_inputs: Mapping[str, str]
    validation_figures: Sequence[str]
    validation_numbers: int
    steps_per_epoch: int

    @classmethod
    def of(cls, settings: JobSettings, session: Session, data: DatasetInfo, validation: DatasetInfo | None) -> Self:
        """Find that a job can be done.

        Args:
            settings: what is asked for.
            session: the session that it trains.
            data: the data set.
            validation: that of the validation, if there is one.

        Raises:
            InvalidJobError: with every fault that was found.
        """
        check = _Check(session)
        inputs, figures = check.train(settings, data)
        validation_inputs: dict[str, str] = {}
        validation_figures: list[str] = []
        if settings.validation is not None and validation is not None:
            validation_inputs, validation_figures = check.validation(settings, validation)
        steps = batches_per_epoch(data.length, settings.batch_size, drop_last=settings.drop_last)
        if steps == 0:
            check.no_batch(settings, data.length)
        check.monitors(settings, [*figures, *(VALIDATION + name for name in validation_figures)])
        if check.problems:
            raise InvalidJobError(check.problems)
        numbers = check.validation_numbers
        return cls(inputs, figures, validation_inputs, validation_figures, numbers, steps)


class _Check:
    def __init__(self, session: Session) -> None:
        self._session = session
        self.validation_numbers = 0
        self.problems: list[Problem] = []

    def _report(self, path: Sequence[str], code: str, message: str) -> None:
        self.problems.append(Problem(json_pointer(path), code, message))

    def _graph(self, name: str, path: Sequence[str]) -> Document | None:
        document = self._session.graphs.get(name)
        if document is None:
            known = ", ".join(f'"{item}"' for item in self._session.graphs)
            message = f"there is no graph {show_value(name)} in this session; it has {known}"
            self._report(path, "unknown_graph", message)
        return document

    def train(self, settings: JobSettings, data: DatasetInfo) -> tuple[dict[str, str], list[str]]:
        """The tensors of the inputs of `train`, and its figures."""
        document = self._graph(TRAIN, ["dataset"])
        if document is None:
            return {}, []
        figures = self._figures(document, settings.loss, single=True)
        if settings.loss not in figures:
            names = [output.name for output in document.outputs]
            hint = nearest(settings.loss, names) or f"; there are {', '.join(names)}"
            message = f'the graph "{TRAIN}" has no output {show_value(settings.loss)} that is a single number{hint}'
            self._report(["loss"], "unknown_output", message)
        rest = data.length % settings.batch_size
        sizes = (
            {min(settings.batch_size, data.length)} if settings.drop_last or not rest else {settings.batch_size, rest}
        )
        own = set[int]().union(*(micro_batch_sizes(size, settings.micro_batches) for size in sizes))
        return self._inputs(document, data, settings.inputs, own, ["inputs"]), figures

    def validation(self, settings: JobSettings, data: DatasetInfo) -> tuple[dict[str, str], list[str]]:
        """The tensors of the inputs of the validation's graph, and its figures."""
        asked = settings.validation
        document = None if asked is None else self._graph(asked.graph, ["validation", "graph"])
        if asked is None or document is None:
            return {}, []
        figures = self._figures(document, settings.loss, single=False)
        self.validation_numbers = self._numbers(document, figures, asked.graph)
        if not figures:
            message = (
                f"the graph {show_value(asked.graph)} has neither an output {show_value(settings.loss)} nor a metric"
            )
            self._report(["validation", "graph"], "no_figures", message)
        size = asked.batch_size or settings.batch_size
        sizes = {min(size, data.length), data.length % size or size}
        return self._inputs(document, data, asked.inputs, sizes, ["validation", "inputs"]), figures

    def _figures(self, document: Document, loss: str, *, single: bool) -> list[str]:
        """The loss and the metrics; with `single` only those that are single numbers."""
        found: list[str] = []
        for output in document.outputs:
            if output.name != loss and not isinstance(output.role, MetricRole):
                continue
            type = document.types[output.value]
            sizes = [dim for dim in type.shape if isinstance(dim, int)]
            is_figure = type.dtype.is_floating or type.dtype.is_integer
            if not is_figure or len(sizes) < len(type.shape) or prod(sizes) > (1 if single else _MOST_ELEMENTS):
                continue
            if single and type.shape:
                continue
            found.append(output.name)
        found.sort(key=lambda name: name != loss)
        if len(found) > _MOST_FIGURES:
            message = f"there are {len(found)} figures in a graph; a job keeps at most {_MOST_FIGURES}"
            self._report(["loss"], "too_many_figures", message)
        return found

    def _numbers(self, document: Document, figures: Sequence[str], graph: str) -> int:
        """How many numbers the figures of a validation are."""
        values = {output.name: output.value for output in document.outputs}
        shapes = [document.types[values[name]].shape for name in figures]
        total = sum(prod(dim for dim in shape if isinstance(dim, int)) for shape in shapes)
        if total > _MOST_ELEMENTS:
            message = (
                f"the figures of the graph {show_value(graph)} are {total} numbers; at most {_MOST_ELEMENTS} are kept"
            )
            self._report(["validation", "graph"], "too_many_figures", message)
        return total

    def _inputs(
        self,
        document: Document,
        data: DatasetInfo,
        mapping: Mapping[str, str] | None,
        sizes: set[int],
        path: Sequence[str],
    ) -> dict[str, str]:
        """The tensor of each input of a graph; random keys that the data set does not have are derived."""
        types: dict[str, TensorType] = {item.id: item.type for item in document.inputs}
        keys = set(rng_key_inputs(document))
        scale = loss_scale_input(document)
        chosen: dict[str, str] = {}
        if scale is not None:
            del types[scale.id]  # the session gives it
        for name in mapping or {}:
            if name not in types:
                message = f"there is no input {show_value(name)}; there are {', '.join(types)}"
                self._report([*path, name], "unknown_input", message)
        for name, type in types.items():
            tensor = (mapping or {}).get(name, name)
            found = data.tensors.get(tensor)
            if found is not None:
                chosen[name] = tensor
                self._check_fit(name, type, tensor, found, sizes, path)
            elif name not in keys or name in (mapping or {}):
                known = ", ".join(data.tensors)
                message = (
                    f'the data set has no tensor {show_value(tensor)} for the input "{name}" {type}; it has {known}'
                )
                self._report([*path, name], "missing_tensor", message)
        return chosen

    def _check_fit(
        self, name: str, type: TensorType, tensor: str, found: TensorType, sizes: set[int], path: Sequence[str]
    ) -> None:
        own, given = type.shape, found.shape
        rows = own[0] if own else None
        fits = (
            found.dtype == type.dtype
            and len(own) == len(given)
            and len(own) > 0
            and all(not isinstance(dim, int) or dim == size for dim, size in zip(own[1:], given[1:], strict=True))
        )
        if not fits:
            message = f'the tensor {show_value(tensor)} of the data set is {found}; the input "{name}" is {type}'
            self._report([*path, name], "interface_mismatch", message)
        elif isinstance(rows, int) and sizes != {rows}:
            listed = " and ".join(map(str, sorted(sizes, reverse=True)))
            message = (
                f'the input "{name}" is {type}, and batches have {listed} rows; batches of {rows} alone are needed'
            )
            self._report([*path, name], "batch_size_mismatch", message)

    def no_batch(self, settings: JobSettings, length: int) -> None:
        """Refuse a job without any step."""
        message = (
            f"the data set has {length} rows and batch_size is {settings.batch_size}, so that with drop_last no batch "
            "is left"
        )
        self._report(["batch_size"], "no_batch", message)

    def monitors(self, settings: JobSettings, names: Sequence[str]) -> None:
        """Refuse to watch what is not among the figures."""
        stopping, policy = settings.early_stopping, settings.checkpoints
        watched = [] if stopping is None else [("early_stopping", stopping.monitor)]
        if policy is not None and policy.monitor is not None:
            watched.append(("checkpoints", policy.monitor))
        for part, monitor in watched:
            if monitor not in names:
                message = (
                    f"{show_value(monitor)} is not among the figures: {', '.join(names)}; those that begin with "
                    f'"{VALIDATION}" come from a validation'
                )
                self._report([part, "monitor"], "unknown_figure", message)
