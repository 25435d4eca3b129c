"""What a session's graphs say together: their shared parameters, and what a step does with the outputs of `train`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from asg_executor.errors import InterfaceError
from asg_executor.sessions.errors import SessionError
from asg_schema.document import Document, Output, Parameter
from asg_schema.errors import Problem
from asg_schema.roles import GradientRole, StateUpdateRole
from asg_schema.wire import json_pointer, show_value

__all__ = ["TRAIN", "GraphSet", "default_outputs"]

TRAIN = "train"
"""The name of the graph that steps run."""


def default_outputs(document: Document) -> list[str]:
    """The names of the outputs that a run answers with where none are chosen: all but gradients and state updates."""
    return [output.name for output in document.outputs if not isinstance(output.role, GradientRole | StateUpdateRole)]


@dataclass(slots=True)
class GraphSet:
    """The graphs of a session, checked against each other.

    Attributes:
        graphs: the documents, by the name that the session gives them.
        parameters: the parameters that they share, by name.
        gradients: for each parameter that a step trains, the output of `train` that is its gradient.
        state_updates: for each parameter that `train` updates itself, the output that is its next value.
    """

    graphs: Mapping[str, Document]
    parameters: dict[str, Parameter] = field(default_factory=dict[str, Parameter])
    gradients: dict[str, str] = field(default_factory=dict[str, str])
    state_updates: dict[str, str] = field(default_factory=dict[str, str])
    _problems: list[Problem] = field(default_factory=list[Problem])

    @classmethod
    def of(cls, graphs: Mapping[str, Document]) -> "GraphSet":
        """Check graphs against each other.

        A parameter is trained where it is declared trainable and `train` has a gradient output with respect to it.
        One without a gradient keeps its value, as a parameter without `.grad` does in PyTorch.

        Raises:
            SessionError: with every fault: no graph at all, a parameter declared in two ways, two gradients or two
                updates for one parameter, a gradient of another type than its parameter.
        """
        result = cls(dict(graphs))
        if not graphs:
            result._report(["graphs"], "missing_field", "a session needs at least one graph")
        result._share_parameters()
        if TRAIN in graphs:
            result._assign_outputs(graphs[TRAIN])
        if result._problems:
            raise SessionError(result._problems)
        return result

    def graph(self, name: str) -> Document:
        """The document that the session knows by this name.

        Raises:
            InterfaceError: there is none.
        """
        document = self.graphs.get(name)
        if document is None:
            known = ", ".join(f'"{item}"' for item in self.graphs)
            raise InterfaceError(f"there is no graph {show_value(name)} in this session; it has {known}")
        return document

    def _report(self, path: list[str | int], code: str, message: str) -> None:
        self._problems.append(Problem(json_pointer(path), code, message))

    def _share_parameters(self) -> None:
        owners: dict[str, str] = {}
        for name, document in self.graphs.items():
            for parameter in document.parameters:
                known = self.parameters.setdefault(parameter.id, parameter)
                owner = owners.setdefault(parameter.id, name)
                if known != parameter:
                    fields = [
                        f"{key} {getattr(known, key)!r} and {getattr(parameter, key)!r}"
                        for key in Parameter.model_fields
                        if getattr(known, key) != getattr(parameter, key)
                    ]
                    self._report(
                        ["graphs", name],
                        "parameter_mismatch",
                        f'the graphs "{owner}" and "{name}" declare the parameter "{parameter.id}" differently: '
                        + "; ".join(fields),
                    )

    def _assign_outputs(self, train: Document) -> None:
        for output in train.outputs:
            if isinstance(output.role, StateUpdateRole):
                self._assign_update(output, output.role.of)
            elif isinstance(output.role, GradientRole):
                self._assign_gradient(train, output, output.role.wrt)
        for name in self.gradients.keys() & self.state_updates.keys():
            self._report(
                ["graphs", TRAIN],
                "conflicting_update",
                f'the parameter "{name}" has a gradient ("{self.gradients[name]}") and a state update '
                f'("{self.state_updates[name]}"); a step can apply only one of them',
            )

    def _assign_update(self, output: Output, parameter: str) -> None:
        first = self.state_updates.setdefault(parameter, output.name)
        if first != output.name:
            message = f'the outputs "{first}" and "{output.name}" both update the parameter "{parameter}"'
            self._report(["graphs", TRAIN], "conflicting_update", message)

    def _assign_gradient(self, train: Document, output: Output, wrt: str) -> None:
        parameter = self.parameters.get(wrt)
        if parameter is None or not parameter.trainable:
            return
        first = self.gradients.setdefault(wrt, output.name)
        if first != output.name:
            message = (
                f'the outputs "{first}" and "{output.name}" are both gradients with respect to "{wrt}"; a step applies '
                "one, so leave the other out of the graph"
            )
            self._report(["graphs", TRAIN], "conflicting_update", message)
        elif train.types[output.value] != parameter.type:
            message = (
                f'the output "{output.name}" {train.types[output.value]} is the gradient with respect to "{wrt}" '
                f"{parameter.type}: types differ"
            )
            self._report(["graphs", TRAIN], "type_mismatch", message)
