"""`SessionExchanges`: a session as its client knows it, and what can be asked of it."""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager, suppress
from os import PathLike
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy.typing as npt
from rich.console import Console

from asg_builder.arrays import Array
from asg_builder.client.answer import field_of, reading
from asg_builder.client.errors import NotFound
from asg_builder.client.exchanges.asking import ask, get, get_tensors, only_in, quoted, send_tensors
from asg_builder.client.exchanges.parts import SentParts, fits_one_body, part_tensors, send_parts
from asg_builder.client.payload import Payload, as_names, convert_tensors, decode, encode
from asg_builder.client.request import SAFETENSORS, Exchange, Request, TransferProgress
from asg_builder.client.transfers import NewFile, Progress, reporting
from asg_builder.client.weights import fitting_weights, part_of, weights_of
from asg_builder.training.epochs import length_of
from asg_builder.training.fitting import evaluate
from asg_builder.training.progress import TrainingProgress
from asg_schema.dtype import DType
from asg_schema.errors import AsgError
from asg_schema.parameter_names import ParameterNames, Prefix
from asg_schema.tensor_type import TensorType

__all__ = ["SessionExchanges"]

_TRAIN = "train"

Inputs: TypeAlias = Mapping[str, npt.ArrayLike]


class _Interface(NamedTuple):
    """The dtypes of a graph's inputs, and the kinds of its outputs' roles."""

    inputs: dict[str, DType]
    outputs: dict[str, str | None]


class SessionExchanges:
    """A session, and what can be asked of it; the methods are those of `Session`.

    Args:
        description: what the executor says of the session.

    Attributes:
        id: the session's id.
        number: the number of the last step that is known to be taken.
        path: the session's path.

    Raises:
        UnexpectedAnswer: the description has not what that of a session has.
    """

    def __init__(self, description: Mapping[str, Any]) -> None:
        with reading("the description of a session"):
            self.id = str(field_of(description, "id"))
            self.number = int(field_of(description, "step"))
            self._digests: dict[str, str] = dict(field_of(description, "graphs"))
            self._parameters = {
                item["id"]: TensorType(DType(item["dtype"]), tuple(item["shape"]))
                for item in field_of(description, "parameters")
            }
        self.path = f"/v1/sessions/{quoted(self.id)}"
        self._interfaces: dict[str, _Interface] = {}
        self._stepping = False
        self._body_limit: int | None = None
        self._sent_parts: SentParts | None = None

    def prepare_step(self, inputs: Inputs, outputs: Sequence[str] | None) -> bytes:
        """The body of a step. The interface of `train` is known already, such as by `figures`.

        Raises:
            AsgError: an input is unknown, or not converted to its dtype.
        """
        return encode(_converted(self._interfaces[_TRAIN], _TRAIN, inputs), outputs=as_names(outputs))

    def take_step(
        self, body: bytes, meanwhile: Callable[[], object] | None = None, if_match: str | None = None
    ) -> Exchange[Payload]:
        """Take the next step; `meanwhile` is as in a `Request`, `if_match` the digest of the state to take it in.

        Raises:
            AsgError: another step is under way.
        """
        path = f"{self.path}/steps/{self.number + 1}"
        with self._one_step_at_a_time():
            headers = only_in(if_match)
            answer = yield from ask(Request("PUT", path, body, SAFETENSORS, SAFETENSORS, headers, meanwhile=meanwhile))
            self.number += 1
        return decode(answer.body)

    def step(
        self, inputs: Inputs, outputs: Sequence[str] | None, if_match: str | None = None
    ) -> Exchange[dict[str, Array]]:
        """Run the `train` graph and apply its gradients and state updates."""
        yield from self._interface(_TRAIN)
        return (yield from self.take_step(self.prepare_step(inputs, outputs), None, if_match)).tensors

    def step_micro_batches(
        self, micro_batches: Sequence[Inputs], outputs: Sequence[str] | None, if_match: str | None = None
    ) -> Exchange[list[dict[str, Array]]]:
        """Take one step with a batch that comes in parts."""
        interface = yield from self._interface(_TRAIN)
        parts = [_converted(interface, _TRAIN, inputs) for inputs in micro_batches]
        fits, self._body_limit = yield from fits_one_body(parts, self._body_limit)
        if fits:
            body = encode(part_tensors(parts), outputs=as_names(outputs), micro_batches=len(parts))
            payload = yield from self.take_step(body, None, if_match)
        else:
            payload = yield from self._take_step_of_parts(parts, outputs, only_in(if_match))
        results: list[dict[str, Array]] = [{} for _ in parts]
        for name, array in payload.tensors.items():
            number, _, output = name.partition("/")
            results[int(number)][output] = array
        return results

    def _take_step_of_parts(
        self, parts: Sequence[Mapping[str, Array]], outputs: Sequence[str] | None, headers: Mapping[str, str]
    ) -> Exchange[Payload]:
        """Take the next step with parts that are too large for one body."""

        def remember(sent: SentParts) -> None:
            self._sent_parts = sent

        path = f"{self.path}/steps/{self.number + 1}"
        with self._one_step_at_a_time():
            payload = yield from send_parts(path, parts, as_names(outputs), self._sent_parts, remember, headers)
            self.number += 1
        return payload

    def run(
        self,
        graph: str,
        inputs: Inputs,
        outputs: Sequence[str] | None,
        parameters: Literal["current", "average"] = "current",
    ) -> Exchange[dict[str, Array]]:
        """Run a graph; nothing is changed."""
        interface = yield from self._interface(graph)
        texts = {"graph": graph} if parameters == "current" else {"graph": graph, "parameters": parameters}
        body = encode(_converted(interface, graph, inputs), texts=texts, outputs=as_names(outputs))
        return (yield from send_tensors("POST", f"{self.path}/run", body)).tensors

    def parameters(self) -> Exchange[dict[str, Array]]:
        """The parameters by name."""
        return (yield from get_tensors(f"{self.path}/parameters")).tensors

    def averaged_parameters(self) -> Exchange[dict[str, Array]]:
        """The parameters by name, of the trained ones the average over the steps."""
        return (yield from get_tensors(f"{self.path}/parameters/average")).tensors

    def set_parameters(self, parameters: Inputs, if_match: str | None = None) -> Exchange[None]:
        """Replace the values of these parameters."""
        dtypes = {name: type.dtype for name, type in self._parameters.items()}
        arrays = convert_tensors(parameters, dtypes, "parameter", f'the session "{self.id}"')
        yield from self._put_parameters(arrays, if_match)

    def _put_parameters(
        self, arrays: Mapping[str, Array], if_match: str | None, sent: TransferProgress | None = None
    ) -> Exchange[None]:
        request = Request("PUT", f"{self.path}/parameters", encode(arrays), SAFETENSORS, sent=sent)
        # Where the answer is lost, the state may be another by this very request.
        yield from ask(request._replace(headers=only_in(if_match), idempotent=if_match is None))

    def load_parameters(
        self,
        source: str | PathLike[str] | Inputs,
        *,
        prefix: Prefix,
        strict: bool,
        progress: Progress,
        if_match: str | None,
    ) -> Exchange[ParameterNames]:
        """Replace the parameters by those of a safetensors file."""
        found, arrays = fitting_weights(weights_of(source), self._parameters, prefix=prefix, strict=strict)
        with reporting(progress, "sending") as sent:
            yield from self._put_parameters(arrays, if_match, sent)
        return found

    def save(self, path: str | PathLike[str], *, prefix: str, progress: Progress) -> Exchange[None]:
        """Write the parameters to a safetensors file, whole or not at all."""
        with reporting(progress, "receiving") as received, NewFile(path, received) as file:
            request = Request("GET", f"{self.path}/parameters", accept=SAFETENSORS)
            if prefix:
                payload = decode((yield from ask(request)).body)
                part = part_of(payload.tensors, prefix)
                file.write(encode(part, step=payload.fields.get("step", self.number)))
            else:
                yield from ask(request._replace(receiver=file))
            file.keep()

    def refresh(self) -> Exchange[int]:
        """Ask for the number of the last step, and go on from there."""
        self.number = int((yield from get(self.path)).field("step"))
        return self.number

    def digest(self) -> Exchange[str]:
        """The digest of the present state."""
        return str((yield from get(self.path)).field("digest"))

    def delete(self, if_match: str | None = None) -> Exchange[None]:
        """Let the executor forget the session; one that is gone already is as good."""
        with suppress(NotFound):
            yield from ask(Request("DELETE", self.path, headers=only_in(if_match)))

    def figures(self, graph: str, loss: str) -> Exchange[list[str]]:
        """The outputs of a graph that are figures to be watched."""
        interface = yield from self._interface(graph)
        return [name for name, role in interface.outputs.items() if name == loss or role == "metric"]

    def input_dtypes(self, graph: str) -> Exchange[Mapping[str, DType]]:
        """The dtypes of a graph's inputs."""
        return (yield from self._interface(graph)).inputs

    def evaluate(
        self, batches: Iterable[Inputs], graph: str, outputs: Sequence[str] | None, console: Console | None
    ) -> Exchange[dict[str, Any]]:
        """The figures of a data set: a graph is run for each batch."""
        chosen = as_names(outputs) or (yield from self.figures(graph, "loss"))
        if not chosen:
            raise AsgError(f'the graph "{graph}" has neither an output "loss" nor a metric; name the outputs')
        with TrainingProgress(graph, length_of(batches), console, unit="batches") as bar:
            return (yield from evaluate(self, batches, graph, chosen, lambda: bar.advance(graph)))

    def _interface(self, graph: str) -> Exchange[_Interface]:
        """The interface of a graph; asked for once."""
        known = self._interfaces.get(graph)
        if known is not None:
            return known
        if graph not in self._digests:
            names = ", ".join(f'"{name}"' for name in self._digests)
            raise AsgError(f'the session has no graph "{graph}"; it has {names}')
        description = (yield from get(f"/v1/graphs/{self._digests[graph]}")).json()
        with reading("the interface of a graph"):
            inputs = {item["id"]: DType(item["dtype"]) for item in field_of(description, "inputs")}
            outputs = {
                item["name"]: item["role"]["kind"] if "role" in item else None
                for item in field_of(description, "outputs")
            }
        self._interfaces[graph] = _Interface(inputs, outputs)
        return self._interfaces[graph]

    @contextmanager
    def _one_step_at_a_time(self) -> Generator[None]:
        if self._stepping:
            raise AsgError(f'the session "{self.id}" is taking step {self.number + 1}; the next comes after its answer')
        self._stepping = True
        try:
            yield
        finally:
            self._stepping = False


def _converted(interface: _Interface, graph: str, inputs: Inputs) -> dict[str, Array]:
    return convert_tensors(inputs, interface.inputs, "input", f'the graph "{graph}"')
