"""Computing a metric of arrays by a graph whose number of examples is a symbol."""

from collections.abc import Callable
from typing import Any

import asg_builder as asg
import asg_executor
from asg_builder.arrays import Array, dtype_of

__all__ = ["figure"]


def figure(metric: Callable[[asg.Tensor, asg.Tensor], asg.Tensor], predictions: Array, target: Array) -> Array:
    """What a metric says of predictions and their target, whose first axes are one symbol in the graph."""
    with asg.graph("figure") as g:
        operands = [
            asg.input(name, ("batch", *array.shape[1:]), dtype_of(array))
            for name, array in (("predictions", predictions), ("target", target))
        ]
        result = metric(*operands)
        g.metric(figure=result)
    document = asg.Document.from_json(g.document().to_json())
    inputs: dict[str, Any] = {"predictions": predictions, "target": target}
    return asg_executor.run(document, inputs)["figure"]
