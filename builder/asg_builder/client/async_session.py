"""`AsyncSession`: a model that an executor holds and trains, for asyncio."""

import os
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy.typing as npt

from asg_builder.arrays import Array
from asg_builder.client.async_checkpoints import AsyncCheckpoints
from asg_builder.client.async_session_training import AsyncSessionTraining
from asg_builder.client.raw_session import AsyncRawSession
from asg_builder.client.transfers import Progress
from asg_schema.parameter_names import ParameterNames, Prefix

__all__ = ["AsyncSession"]


class AsyncSession(AsyncSessionTraining):
    """A session of an executor: graphs that share parameters, an optimizer, and the number of the last step.

    Made by `AsyncClient.create_session` and `AsyncClient.session`. Its methods are those of `Session`, to be awaited.
    Several tasks may run graphs at a time; steps are taken one after the other.

    Data may be anything that NumPy makes an array of. It is converted to the dtype that the graph declares where that
    keeps its kind: float64 becomes float32, integers become floats or integers that hold them. A fraction never becomes
    an integer, and only a bool a bool: that raises.

    A step is taken exactly once. Where its answer was lost, the client sends it again by itself; where it gives up with
    `ConnectionFailed`, calling `step` again with the same data answers the lost step or takes it, whichever is right.
    With other data it raises `ValidationProblem` if the lost step was taken; `refresh()` goes on after it then.
    """

    @property
    def id(self) -> str:
        """The session's id, under which `AsyncClient.session` finds it again."""
        return self._exchanges.id

    @property
    def number(self) -> int:
        """The number of the last step that is known to be taken; steps go on after it."""
        return self._exchanges.number

    @number.setter
    def number(self, number: int) -> None:
        self._exchanges.number = number

    def __repr__(self) -> str:
        return f"AsyncSession({self.id!r}, step {self.number}, at {self._transport.url})"

    def with_options(
        self, *, timeout: float | None = None, retries: int | None = None, total_timeout: float | None = None
    ) -> "AsyncSession":
        """The same session, whose requests are sent with other options; `AsyncClient.with_options` describes them."""
        options = self._transport.with_options(timeout=timeout, retries=retries, total_timeout=total_timeout)
        return AsyncSession(options, self._exchanges)

    @property
    def with_raw_response(self) -> AsyncRawSession:
        """The same methods, which return the response with its status, headers and body beside what they come to."""
        return AsyncRawSession(self)

    async def step(
        self,
        inputs: Mapping[str, npt.ArrayLike] | None = None,
        /,
        *,
        outputs: Sequence[str] | None = None,
        if_match: str | None = None,
        **named: npt.ArrayLike,
    ) -> dict[str, Array]:
        """Run the `train` graph and apply its gradients and state updates.

        Args:
            inputs: the graph's inputs by name, for names that are no identifiers.
            outputs: which outputs to answer; absent: all but gradients and state updates.
            if_match: the digest of the only state in which this happens, as `digest` returns it; absent: in any.
            named: the graph's inputs.

        Returns:
            Outputs by name, as they were before the update.

        Raises:
            AsgError: an input is unknown, or not converted to its dtype.
            Conflict: the state is not that of `if_match` (`.code == "state_changed"`).
            ClientError: see `asg_builder.client.errors`.
        """
        return await self._transport.perform(self._exchanges.step({**(inputs or {}), **named}, outputs, if_match))

    async def step_micro_batches(
        self,
        micro_batches: Sequence[Mapping[str, npt.ArrayLike]],
        *,
        outputs: Sequence[str] | None = None,
        if_match: str | None = None,
    ) -> list[dict[str, Array]]:
        """Take one step with a batch that comes in parts, for which there is not memory at a time.

        Their gradients are summed, or averaged where the optimizer's `accumulation` is "mean", and applied once.

        Where they are too large for one body of the executor, each goes in a request of its own.

        Args:
            micro_batches: the inputs of the `train` graph for each part.
            outputs: which outputs to answer; absent: all but gradients and state updates.
            if_match: the digest of the only state in which this happens, as `digest` returns it; absent: in any.

        Returns:
            The outputs of each part by name, as they were before the update.

        Raises:
            AsgError: an input is unknown, or not converted to its dtype.
            Conflict: the state is not that of `if_match` (`.code == "state_changed"`).
            ClientError: see `asg_builder.client.errors`.
        """
        return await self._transport.perform(self._exchanges.step_micro_batches(micro_batches, outputs, if_match))

    async def run(
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
        return await self._transport.perform(
            self._exchanges.run(graph, {**(inputs or {}), **named}, outputs, parameters)
        )

    async def parameters(self) -> dict[str, Array]:
        """The parameters by name: copies, to be changed at will."""
        return await self._transport.perform(self._exchanges.parameters())

    async def averaged_parameters(self) -> dict[str, Array]:
        """The parameters by name, of the trained ones the average over the steps, where `average_decay` keeps one."""
        return await self._transport.perform(self._exchanges.averaged_parameters())

    async def set_parameters(self, parameters: Mapping[str, npt.ArrayLike], *, if_match: str | None = None) -> None:
        """Replace the values of these parameters; others, and the optimizer's state, stay as they are.

        Args:
            parameters: the values by name.
            if_match: the digest of the only state in which this happens, as `digest` returns it; absent: in any.
                It is then not sent again where its answer is lost, because it changes the state itself.

        Raises:
            AsgError: a parameter is unknown, or not converted to its dtype.
            Conflict: the state is not that of `if_match` (`.code == "state_changed"`).
            ClientError: see `asg_builder.client.errors`.
        """
        await self._transport.perform(self._exchanges.set_parameters(parameters, if_match))

    async def load_parameters(
        self,
        source: str | os.PathLike[str] | Mapping[str, npt.ArrayLike],
        *,
        prefix: Prefix = "",
        strict: bool = True,
        progress: Progress = False,
        if_match: str | None = None,
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
            progress: told how many bytes have been sent, and how many there are; True draws a bar on a terminal.
            if_match: as for `set_parameters`.

        Returns:
            Which tensor became which parameter, and which names were missing or unexpected.

        Raises:
            AsgError: names, shapes or dtypes do not fit, all of them told at once; or the file cannot be read.
            ClientError: see `asg_builder.client.errors`.
        """
        loading = self._exchanges.load_parameters(
            source, prefix=prefix, strict=strict, progress=progress, if_match=if_match
        )
        return await self._transport.perform(loading)

    async def save(self, path: str | os.PathLike[str], *, prefix: str = "", progress: Progress = False) -> None:
        """Write the parameters to a safetensors file, whole or not at all.

        They go to the file as they arrive, and are compared with the checksum that the executor gives them. The file's
        metadata holds the number of the step under `step`. PyTorch reads it with
        `module.load_state_dict(safetensors.torch.load_file(path))`.

        Args:
            path: the file.
            prefix: only parameters whose names begin with this are written, under the rest of their names: `"model."`
                for the state dict of a module that is named `model`.
            progress: told how many bytes have arrived, and how many there are; True draws a bar on a terminal.

        Raises:
            AsgError: no parameter's name begins with `prefix`, or the file cannot be written.
            ClientError: see `asg_builder.client.errors`.
        """
        await self._transport.perform(self._exchanges.save(path, prefix=prefix, progress=progress))

    @property
    def checkpoints(self) -> AsyncCheckpoints:
        """The states of the session that the executor keeps under a name."""
        return AsyncCheckpoints(self._transport, self._exchanges)

    async def refresh(self) -> int:
        """Ask the executor for the number of the last step, and go on from there."""
        return await self._transport.perform(self._exchanges.refresh())

    async def digest(self) -> str:
        """The digest of the present state: of the parameters, of what the optimizer keeps, of the number of the step.

        With it as the `if_match` of a request, this happens only if nobody else changed the session in between.
        """
        return await self._transport.perform(self._exchanges.digest())

    async def delete(self, *, if_match: str | None = None) -> None:
        """Let the executor forget the session; one that is gone already is as good.

        Args:
            if_match: the digest of the only state in which this happens, as `digest` returns it; absent: in any.

        Raises:
            Conflict: the state is not that of `if_match` (`.code == "state_changed"`).
            ClientError: see `asg_builder.client.errors`.
        """
        await self._transport.perform(self._exchanges.delete(if_match))
