"""`Session`: a model that an executor holds and trains."""

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import numpy.typing as npt
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from asg_builder.arrays import Array
from asg_builder.client.errors import NotFound
from asg_builder.client.payload import as_names, convert_tensors, decode, encode
from asg_builder.client.transport import SAFETENSORS, Answer, Transport
from asg_builder.client.weights import fitting_weights, weights_of
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
        self._inputs: dict[str, dict[str, DType]] = {}
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

    def run(
        self,
        graph: str,
        inputs: Mapping[str, npt.ArrayLike] | None = None,
        /,
        *,
        outputs: Sequence[str] | None = None,
        **named: npt.ArrayLike,
    ) -> dict[str, Array]:
        """Run a graph with the parameters as they are; nothing is changed.

        Args:
            graph: the name under which the session has it.
            inputs: the graph's inputs by name, for names that are no identifiers.
            outputs: which outputs to compute; absent: all but gradients and state updates that the inputs suffice for.
            named: the graph's inputs.

        Returns:
            Outputs by name.

        Raises:
            AsgError: the graph or an input is unknown, or an input is not converted to its dtype.
            ClientError: see `asg_builder.client.errors`.
        """
        answer = self._transport.request(
            "POST",
            f"{self._path}/run",
            body=encode(self._converted(graph, inputs, named), texts={"graph": graph}, outputs=as_names(outputs)),
            content_type=SAFETENSORS,
            accept=SAFETENSORS,
            idempotent=True,
        )
        return decode(answer.body).tensors

    def parameters(self) -> dict[str, Array]:
        """The parameters by name: copies, to be changed at will."""
        return decode(self._parameters_body()).tensors

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
            strict: whether the file and the session must have the same names; else what is in both is replaced.

        Returns:
            Which tensor became which parameter, and which names were missing or unexpected.

        Raises:
            AsgError: names, shapes or dtypes do not fit, all of them told at once; or the file cannot be read.
            ClientError: see `asg_builder.client.errors`.
        """
        name, tensors = weights_of(source)
        found, arrays = fitting_weights(tensors, self._parameters, name, prefix=prefix, strict=strict)
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
            AsgError: no parameter's name begins with `prefix`.
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
        except BaseException:
            beside.unlink(missing_ok=True)
            raise

    def refresh(self) -> int:
        """Ask the executor for the number of the last step, and go on from there."""
        answer = self._transport.request("GET", self._path, idempotent=True)
        self.number = int(answer.field("step"))
        return self.number

    def delete(self) -> None:
        """Let the executor forget the session; one that is gone already is as good."""
        with suppress(NotFound):
            self._transport.request("DELETE", self._path, idempotent=True)

    def fit(
        self,
        batches: Iterable[Mapping[str, npt.ArrayLike]],
        *,
        epochs: int = 1,
        loss: str = "loss",
        on_epoch: Callable[[int, float], object] | None = None,
        console: Console | None = None,
    ) -> list[float]:
        """Take a step for each batch, with a progress bar on a terminal.

        Args:
            batches: the inputs of each step; iterated once for each epoch, so a list or an object that can be iterated
                again (and may shuffle then), not a generator.
            epochs: how many times to go through the batches.
            loss: the output to report.
            on_epoch: called after each epoch with its number, from 1, and its mean loss.
            console: where the bar is drawn; absent: standard error.

        Returns:
            The mean loss of each epoch, each batch counting alike.

        Raises:
            AsgError: an epoch has no batch.
        """
        console = console or Console(stderr=True)
        count = len(cast("Sequence[Any]", batches)) if hasattr(batches, "__len__") else None
        history: list[float] = []
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        # Where standard output is a file, what is printed meanwhile belongs there, and not above the bar.
        hidden, above = not console.is_terminal, sys.stdout.isatty()
        with Progress(*columns, console=console, transient=True, disable=hidden, redirect_stdout=above) as progress:
            task = progress.add_task("training", total=None if count is None else epochs * count)
            for epoch in range(1, epochs + 1):
                losses: list[float] = []
                for batch in batches:
                    losses.append(self._loss_of_step(batch, loss))
                    progress.update(task, advance=1, description=f"epoch {epoch}/{epochs}, loss {losses[-1]:.4f}")
                if not losses:
                    raise AsgError(f"epoch {epoch} has no batch; give a list, or an object that can be iterated again")
                history.append(sum(losses) / len(losses))
                if on_epoch is not None:
                    on_epoch(epoch, history[-1])
        return history

    def _loss_of_step(self, batch: Mapping[str, npt.ArrayLike], loss: str) -> float:
        given = cast("object", batch)  # a caller without a type checker may give anything
        if not isinstance(given, Mapping):
            raise AsgError(
                f"a batch is a {type(given).__name__}; a mapping of the inputs' names to their data is needed"
            )
        value = self.step(batch, outputs=[loss])[loss]
        if value.shape != ():
            raise AsgError(f'the output "{loss}" has the shape {list(value.shape)}; a loss is one number')
        return float(value)

    def _converted(
        self, graph: str, inputs: Mapping[str, npt.ArrayLike] | None, named: Mapping[str, npt.ArrayLike]
    ) -> dict[str, Array]:
        return convert_tensors({**(inputs or {}), **named}, self._input_dtypes(graph), "input", f'the graph "{graph}"')

    def _input_dtypes(self, graph: str) -> dict[str, DType]:
        """The dtypes of a graph's inputs; asked for once."""
        if graph not in self._digests:
            known = ", ".join(f'"{name}"' for name in self._digests)
            raise AsgError(f'the session has no graph "{graph}"; it has {known}')
        if graph not in self._inputs:
            answer = self._transport.request("GET", f"/v1/graphs/{self._digests[graph]}", idempotent=True)
            self._inputs[graph] = {item["id"]: DType(item["dtype"]) for item in answer.field("inputs")}
        return self._inputs[graph]
