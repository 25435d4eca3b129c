"""Which parameters of a session an optimizer trains, and by which rule."""

from asg_executor.optimizers.errors import OptimizerError
from asg_executor.optimizers.groups import Assignment
from asg_executor.optimizers.optimizer import Optimizer
from asg_executor.sessions.errors import SessionError
from asg_executor.sessions.graph_set import TRAIN, GraphSet
from asg_schema.errors import Problem

__all__ = ["assign_parameters"]


def assign_parameters(graphs: GraphSet, optimizer: Optimizer | None) -> list[Assignment]:
    """Which rule of the optimizer trains which parameters; none where `train` has no gradients.

    Args:
        graphs: the session's graphs.
        optimizer: needed exactly where `train` has gradients.

    Raises:
        SessionError: the optimizer is missing, or has nothing to do.
        OptimizerError: it does not fit the parameters.
    """
    if optimizer is None:
        if graphs.gradients:
            message = f"{TRAIN} has gradients; an optimizer is needed to apply them"
            raise SessionError([Problem("/optimizer", "missing_field", message)])
        return []
    if not graphs.gradients:
        reason = (
            f'"{TRAIN}" has no gradient of a trainable parameter among its outputs; a document as `grad` returns '
            "it is needed"
            if TRAIN in graphs.graphs
            else f'there is no graph "{TRAIN}"'
        )
        raise SessionError([Problem("/optimizer", "nothing_to_train", f"there is nothing to optimize: {reason}")])
    types = {name: item.type for name, item in graphs.parameters.items() if name in graphs.gradients}
    assignments, problems = optimizer.assign(types)
    if problems:
        raise OptimizerError(problems)
    if not assignments:
        message = "there is nothing to optimize: the groups freeze every parameter"
        raise SessionError([Problem("/optimizer/groups", "nothing_to_train", message)])
    return assignments
