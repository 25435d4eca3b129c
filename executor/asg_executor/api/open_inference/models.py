"""Models as a request sees them: graphs of the sessions of its tenant."""

from typing import NamedTuple

from asg_executor.api.problems import ProblemError
from asg_executor.api.tenant_service import TenantService
from asg_executor.inference.repository import ModelName, graph_of
from asg_executor.sessions.held_session import HeldSession
from asg_schema.wire import show_value

__all__ = ["FoundModel", "find_model"]


class FoundModel(NamedTuple):
    """A model that is there.

    Attributes:
        held: the session.
        graph: the name of its graph.
    """

    held: HeldSession
    graph: str


def find_model(service: TenantService, model_name: str) -> FoundModel:
    """The model of a name.

    Raises:
        ProblemError: no session of the tenant has this id.
        UnknownModelError: the session has no such graph.
        SessionDamagedError: the session cannot be used.
    """
    name = ModelName.parse(model_name)
    try:
        held = service.session(name.session)
    except ProblemError as error:
        if error.code != "unknown_session":
            raise
        raise ProblemError(
            "unknown_model",
            f"there is no model {show_value(model_name)}: a model is called <session> or <session>.<graph>; "
            "POST /v2/repository/index lists them",
        ) from None
    return FoundModel(held, graph_of(held, name))
