"""The inputs of a graph as arrays, with what a session gives: random keys that were left out, and the loss scale."""

from collections.abc import Mapping
from typing import Any

from asg_executor.plan.arrays import Array
from asg_executor.plan.binding import check_names
from asg_executor.plan.coercion import as_array
from asg_executor.sessions.loss_scale import loss_scale_input, refuse_loss_scale, scale_value
from asg_executor.sessions.random_keys import step_key
from asg_executor.sessions.selection import rng_key_inputs
from asg_schema.document import Document

__all__ = ["GraphInputs"]


class GraphInputs:
    """What a graph declares about its inputs.

    Args:
        document: the graph.
        seed: the session's, which random keys come from.
    """

    def __init__(self, document: Document, seed: int) -> None:
        self._types = {item.id: item.type for item in document.inputs}
        self._keys = rng_key_inputs(document)
        self._scale = loss_scale_input(document)
        self._seed = seed

    def arrays(self, inputs: Mapping[str, Any], step: int, part: int = 0, loss_scale: float = 1.0) -> dict[str, Array]:
        """The inputs that were given as arrays, and what the session gives, in the graph's order.

        That is the loss scale, and the random keys that were left out.

        Args:
            inputs: values by input id; arrays have the declared dtype and shape, Python numbers and lists take the
                declared dtype. Some may be left out.
            step: the number of the step; 0 outside the steps.
            part: the number of the step's micro-batch, each of which has keys of its own.
            loss_scale: what gradients are multiplied by, where the graph has an input for that.

        Raises:
            InterfaceError: there is no such input, or a value does not fit, or the loss scale is among them.
        """
        types = self._types
        if not inputs.keys() <= types.keys():
            check_names("input", inputs, types)
        first_key = part * len(self._keys)
        given = {
            name: step_key(self._seed, step, index)
            for index, name in enumerate(self._keys, start=first_key)
            if name not in inputs
        }
        if self._scale is not None:
            refuse_loss_scale(self._scale, inputs)
            given[self._scale.id] = scale_value(self._scale, loss_scale)
        return {
            name: as_array(name, inputs[name], type) if name in inputs else given[name]
            for name, type in types.items()
            if name in inputs or name in given
        }

    def all_arrays(
        self, inputs: Mapping[str, Any], step: int, part: int = 0, loss_scale: float = 1.0
    ) -> dict[str, Array]:
        """What `arrays` gives, which is every input of the graph.

        Raises:
            InterfaceError: there is no such input, a value does not fit, or one is missing.
        """
        arrays = self.arrays(inputs, step, part, loss_scale)
        if len(arrays) < len(self._types):
            check_names("input", arrays, self._types)
        return arrays
