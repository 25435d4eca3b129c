"""`Session`: a model that an executor holds and trains."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple
from uuid import uuid4

import numpy.typing as npt
from rich.console import Console

from asg_builder.arrays import Array
from asg_builder.client.checkpoints import Checkpoints
from asg_builder.client.errors import NotFound
from asg_builder.client.payload import as_names, convert_tensors, decode, encode
from asg_builder.client.transport import SAFETENSORS, Answer, Transport
from asg_builder.client.weights import fitting_weights, weights_of
from asg_builder.training.best_checkpoint import BestCheckpoint
from asg_builder.training.early_stopping import EarlyStopping
from asg_builder.training.fitting import Fit, evaluate
from asg_schema.dtype import DType
from asg_schema.errors import AsgError
from asg_schema.parameter_names import ParameterNames, Prefix
from asg_schema.tensor_type import TensorType

__all__ = ["Session"]

_TRAIN = "train"


class Session:
    """A session of an executor: graphs that share parameters, an optimizer, and the number of the last step.

    Made by `Client.create_session` and `Client.session`. For one thread at a time.

    Data may be anything that NumPy makes an array of. It is converted to the dtype that the graph declares where that
    keeps its kind: float64 becomes float32, integers become floats or integers that hold them. A fraction never becomes
    an integer, and only a bool a bool: that raises.

    A step is taken exactly once. Where its answer was lost, the client sends it again by itself; where it gives up with
    `ConnectionFailed`, calling `step` again with the same data answers the lost step or takes it, whichever is right.
    With other data it raises `ValidationProblem` if the lost step was taken; `refresh()` goes on after it then.

    Attributes:
        id: the session's id.
        number: the number of the last step that is known to be taken.
    """

    def __init__(self, transport: Transport, description: Answer) -> None:
        self._transport = transport
        self.id = str(description.field("id"))
        self.number = int(description.field("step"))
        self._digests: dict[str, str] = dict(description.field("graphs"))
        self._interfaces: dict[str, _Interface] = {}
        self._parameters = {
            item["id"]: TensorType(DType(item["dtype"]), tuple(item["shape"]))
            for item in description.field("parameters")
        }
        self._path = f"/v1/sessions/{self.id}"

    def __repr__(self) -> str:
        return f"Session({self.id!r}, step {self.number}, at {self._transport.url})"

    def step(
        self,
        inputs: Mapping[str, npt.ArrayLike] | None = None,
        /,
        *,
        outputs: Sequence[str] | None = None,
        **named: npt.ArrayLike,
    ) -> dict[str, Array]:
        """Run the `train` graph and apply its gradients and state updates.

        Args:
            inputs: the graph's inputs by name, for names that are no identifiers.
            outputs: which outputs to answer; absent: all but gradients and state updates.
            named: the graph's inputs.

        Returns:
            Outputs by name, as they were before the update.

        Raises:
            AsgError: an input is unknown, or not converted to its dtype.
            ClientError: see `asg_builder.client.errors`.
        """
        arrays = self._converted(_TRAIN, inputs, named)
        answer = self._transport.request(
            "PUT",
            f"{self._path}/steps/{self.number + 1}",
            body=encode(arrays, outputs=as_names(outputs)),
            content_type=SAFETENSORS,
            accept=SAFETENSORS,
            idempotent=True,
        )
        self.number += 1
        return decode(answer.body).tensors

    def step_micro_batches(
        self, micro_batches: Sequence[Mapping[str, npt.ArrayLike]], *, outputs: Sequence[str] | None = None
    ) -> list[dict[str, Array]]:
        """Take one step with a batch that comes in parts, for which there is not memory at a time.

        Their gradients are summed, or averaged where the optimizer's `accumulation` is "mean", and applied once.

        Args:
            micro_batches: the inputs of the `train` graph for each part.
            outputs: which outputs to answer; absent: all but gradients and state updates.

        Returns:
            The outputs of each part by name, as they were before the update.

        Raises:
            AsgError: an input is unknown, or not converted to its dtype.
            ClientError: see `asg_builder.client.errors`.
        """
        parts = [self._converted(_TRAIN, inputs, {}) for inputs in micro_batches]
        numbered = {f"{number}/{name}": array for number, part in enumerate(parts) for name, array in part.items()}
        answer = self._transport.request(
            "PUT",
            f"{self._path}/steps/{self.number + 1}",
            body=encode(numbered, outputs=as_names(outputs), micro_batches=len(parts)),
            content_type=SAFETENSORS,
            accept=SAFETENSORS,
            idempotent=True,
        )
        self.number += 1
        results: list[dict[str, Array]] = [{} for _ in parts]
        for name, array in decode(answer.body).tensors.items():
            number, _, output = name.partition("/")
            results[int(number)][output] = array
        return results

    def run(
        self,
        graph: str,
        inputs: Mapping[str, npt.ArrayLike] | None = None,
        /,
        *,
        outputs: Sequence[str] | None = None,
        parameters: Literal["current", "average"] = "current",
        **named: npt.ArrayLike,
    ) -> dict[str, Array]:
        """Run a graph with the parameters as they are; nothing is changed.

        Args:
            graph: the name under which the session has it.
            inputs: the graph's inputs by name, for names that are no identifiers.
            outputs: which outputs to compute; absent: all but gradients and state updates that the inputs suffice for.
            parameters: with which values of the parameters: "current", or their "average" over the steps.
            named: the graph's inputs.

        Returns:
            Outputs by name.

        Raises:
            AsgError: the graph or an input is unknown, or an input is not converted to its dtype.
            ClientError: see `asg_builder.client.errors`.
        """
        texts = {"graph": graph} if parameters == "current" else {"graph": graph, "parameters": parameters}
        answer = self._transport.request(
            "POST",
            f"{self._path}/run",
            body=encode(self._converted(graph, inputs, named), texts=texts, outputs=as_names(outputs)),
            content_type=SAFETENSORS,
            accept=SAFETENSORS,
            idempotent=True,
        )
        return decode(answer.body).tensors

    def parameters(self) -> dict[str, Array]:
        """The parameters by name: copies, to be changed at will."""
        return decode(self._parameters_body()).tensors

    def averaged_parameters(self) -> dict[str, Array]:
        """The parameters by name, of the trained ones the average over the steps, where `average_decay` keeps one."""
        path = f"{self._path}/parameters/average"
        return decode(self._transport.request("GET", path, accept=SAFETENSORS, idempotent=True).body).tensors

    def _parameters_body(self) -> bytes:
        path = f"{self._path}/parameters"
        return self._transport.request("GET", path, accept=SAFETENSORS, idempotent=True).body

    def set_parameters(self, parameters: Mapping[str, npt.ArrayLike]) -> None:
        """Replace the values of these parameters; others, and the optimizer's state, stay as they are.

        Raises:
            AsgError: a parameter is unknown, or not converted to its dtype.
            ClientError: see `asg_builder.client.errors`.
        """
        dtypes = {name: type.dtype for name, type in self._parameters.items()}
        self._put_parameters(convert_tensors(parameters, dtypes, "parameter", f'the session "{self.id}"'))

    def _put_parameters(self, arrays: Mapping[str, Array]) -> None:
        path = f"{self._path}/parameters"
        self._transport.request("PUT", path, body=encode(arrays), content_type=SAFETENSORS, idempotent=True)

    def load_parameters(
        self, source: str | os.PathLike[str] | Mapping[str, npt.ArrayLike], *, prefix: Prefix = "", strict: bool = True
    ) -> ParameterNames:
        """Replace the parameters by those of a safetensors file, such as a PyTorch state dict.

        Floats of another width become the parameter's dtype, rounded to nearest where that is narrower; integers become
        integers or floats that hold them. Nothing else is converted, and nothing is replaced if anything does not fit.
        The optimizer's state stays as it is.

        Args:
            source: a file, or arrays by name.
            prefix: how the names in the file become names of parameters: a text that is put before each, such as
                `"model."`, or a mapping from beginnings of names to what takes their place.
            strict: whether the file and the session must have the same names; else what is in both is replaced. A tied
                weight may stand in the file under each of its names, if its elements are the same there.

        Returns:
            Which tensor became which parameter, and which names were missing or unexpected.

        Raises:
            AsgError: names, shapes or dtypes do not fit, all of them told at once; or the file cannot be read.
            ClientError: see `asg_builder.client.errors`.
        """
        found, arrays = fitting_weights(weights_of(source), self._parameters, prefix=prefix, strict=strict)
        self._put_parameters(arrays)
        return found

    def save(self, path: str | os.PathLike[str], *, prefix: str = "") -> None:
        """Write the parameters to a safetensors file, whole or not at all.

        The file's metadata holds the number of the step under `step`. PyTorch reads it with
        `module.load_state_dict(safetensors.torch.load_file(path))`.

        Args:
            path: the file.
            prefix: only parameters whose names begin with this are written, under the rest of their names: `"model."`
                for the state dict of a module that is named `model`.

        Raises:
            AsgError: no parameter's name begins with `prefix`, or the file cannot be written.
            ClientError: see `asg_builder.client.errors`.
        """
        target = Path(path)
        body = self._parameters_body()
        if prefix:
            tensors = decode(body).tensors
            rests = {name: name.removeprefix(prefix) for name in tensors}
            kept = {rest: tensors[name] for name, rest in rests.items() if rest not in ("", name)}
            if not kept:
                raise AsgError(f'no parameter has a name that begins with "{prefix}"; there are {", ".join(tensors)}')
            body = encode(kept, step=self.number)
        # Not a file of `tempfile`: only its owner could read those.
        beside = target.with_name(f".{target.name}.{uuid4().hex}")
        try:
            beside.write_bytes(body)
            beside.replace(target)
        except OSError as error:
            raise AsgError(f"cannot write {target}: {error.strerror or error}") from None
        finally:
            beside.unlink(missing_ok=True)

    @property
    def checkpoints(self) -> Checkpoints:
        """The states of the session that the executor keeps under a name."""
        return Checkpoints(self._transport, self._path, self._go_on_from)

    def _go_on_from(self, number: int) -> None:
        self.number = number

    def refresh(self) -> int:
        """Ask the executor for the number of the last step, and go on from there."""
        answer = self._transport.request("GET", self._path, idempotent=True)
        self.number = int(answer.field("step"))
        return self.number

    def delete(self) -> None:
        """Let the executor forget the session; one that is gone already is as good."""
        with suppress(NotFound):
            self._transport.request("DELETE", self._path, idempotent=True)

    def figures(self, graph: str, loss: str = "loss") -> list[str]:
        """The outputs of a graph that are figures to be watched.

        They are its loss, if it has an output of that name, and what was declared with `g.metric`.

        Args:
            graph: the name under which the session has it.
            loss: the name of the loss.

        Raises:
            AsgError: the graph is unknown.
        """
        return [name for name, role in self._interface(graph).outputs.items() if name == loss or role == "metric"]

    def evaluate(
        self,
        batches: Iterable[Mapping[str, npt.ArrayLike]],
        graph: str = "validate",
        *,
        outputs: Sequence[str] | None = None,
    ) -> dict[str, Any]:
        """The figures of a data set: a graph is run for each batch, and nothing is changed.

        Figures of a floating-point dtype are averaged over the batches, weighted by their sizes; integers, such as the
        counts of a confusion matrix, are added. See `asg_builder.training.RunningFigures`.

        Args:
            batches: the inputs of each run. The size of a batch is the length of the first axis of its first input that
                has one.
            graph: the name under which the session has the graph.
            outputs: which outputs to compute; absent: `loss`, if there is such an output, and the metrics.

        Returns:
            By name floats and ints, or arrays where a figure is no single number.

        Raises:
            AsgError: the graph is unknown or has no figures, there is no batch, or a figure changes its shape.
            ClientError: see `asg_builder.client.errors`.
        """
        chosen = as_names(outputs) or self.figures(graph)
        if not chosen:
            raise AsgError(f'the graph "{graph}" has neither an output "loss" nor a metric; name the outputs')
        return evaluate(self, batches, graph, chosen)

    def fit(
        self,
        batches: Iterable[Mapping[str, npt.ArrayLike]],
        *,
        epochs: int = 1,
        loss: str = "loss",
        validation: Iterable[Mapping[str, npt.ArrayLike]] | None = None,
        validation_graph: str = "validate",
        early_stopping: EarlyStopping | None = None,
        checkpoint: BestCheckpoint | None = None,
        on_epoch: Callable[[int, Mapping[str, float]], object] | None = None,
        console: Console | None = None,
    ) -> dict[str, list[float]]:
        """Take a step for each batch, with a progress bar on a terminal.

        ```python
        history = session.fit(batches, epochs=100, validation=validation, early_stopping=EarlyStopping(patience=5))
        history["loss"], history["val_loss"], history["val_accuracy"]
        ```

        The figures of an epoch are its loss and the metrics of the graph (`g.metric`) that are single numbers, computed
        as `evaluate` says: of the `train` graph under their names, as they were before each step, and of the validation
        data with "val_" before them.

        It goes on from the executor's last step, so that after an interruption it can simply be called again.

        Args:
            batches: the inputs of each step; iterated once for each epoch, so a list or an object that can be iterated
                again, such as `asg_builder.data.Batches`, not a generator.
            epochs: how many times to go through the batches.
            loss: the output that is the loss.
            validation: batches to compute figures of after each epoch, without a step.
            validation_graph: the name under which the session has the graph for that. It has the loss and metrics, no
                gradients, and layers as they are in evaluation.
            early_stopping: ends the training where it gets no better, and restores the best weights.
            checkpoint: keeps the weights of the best epoch.
            on_epoch: called after each epoch with its number, from 1, and its figures; the training ends if it returns
                True.
            console: where the bar is drawn; absent: standard error.

        Returns:
            Each figure's values, one for each epoch.

        Raises:
            AsgError: an epoch has no batch, a batch is no mapping, a graph is unknown, what is watched is not among the
                figures, or `epochs` is negative.
            ClientError: see `asg_builder.client.errors`.
        """
        fit = Fit(
            self,
            batches,
            epochs=epochs,
            loss=loss,
            validation=validation,
            validation_graph=validation_graph,
            early_stopping=early_stopping,
            checkpoint=checkpoint,
            on_epoch=on_epoch,
        )
        # A step that was interrupted may have been taken; its batch is not the first of these.
        self.refresh()
        return fit.run(console)

    def _converted(
        self, graph: str, inputs: Mapping[str, npt.ArrayLike] | None, named: Mapping[str, npt.ArrayLike]
    ) -> dict[str, Array]:
        return convert_tensors({**(inputs or {}), **named}, self._input_dtypes(graph), "input", f'the graph "{graph}"')

    def _input_dtypes(self, graph: str) -> dict[str, DType]:
        return self._interface(graph).inputs

    def _interface(self, graph: str) -> "_Interface":
        """The interface of a graph; asked for once."""
        if graph not in self._digests:
            known = ", ".join(f'"{name}"' for name in self._digests)
            raise AsgError(f'the session has no graph "{graph}"; it has {known}')
        if graph not in self._interfaces:
            answer = self._transport.request("GET", f"/v1/graphs/{self._digests[graph]}", idempotent=True)
            inputs = {item["id"]: DType(item["dtype"]) for item in answer.field("inputs")}
            outputs = {
                item["name"]: item["role"]["kind"] if "role" in item else None for item in answer.field("outputs")
            }
            self._interfaces[graph] = _Interface(inputs, outputs)
        return self._interfaces[graph]


class _Interface(NamedTuple):
    """The dtypes of a graph's inputs, and the kinds of its outputs' roles."""

    inputs: dict[str, DType]
    outputs: dict[str, str | None]
