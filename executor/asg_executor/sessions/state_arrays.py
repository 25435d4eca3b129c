"""The state of a session as arrays by `<part>:<parameter>`, wherever they come from."""

from collections.abc import Mapping
from hashlib import sha256

import numpy as np

from asg_executor.errors import InterfaceError
from asg_executor.plan.arrays import Array, array_type
from asg_executor.plan.binding import check_names

__all__ = ["check_state", "state_digest"]


def check_state(state: Mapping[str, Array], own: Mapping[str, Array]) -> None:
    """Find that a state is one that a session can have.

    Args:
        state: the arrays by name.
        own: those of the session.

    Raises:
        InterfaceError: a part is missing or too many, or has another dtype or shape.
    """
    check_names("part of the state", state, own)
    for name, array in own.items():
        if state[name].dtype != array.dtype or state[name].shape != array.shape:
            found, needed = array_type(state[name]), array_type(array)
            raise InterfaceError(f'"{name}" is {found} in the state that is to be restored; {needed} is needed')


def state_digest(step: int, state: Mapping[str, Array], own: Mapping[str, Array]) -> str:
    """The SHA-256, in hexadecimal, of the state after a step: parameters, slots and averages by name, and the step.

    Args:
        step: the number of the step.
        state: the arrays by name, found to be a session's by `check_state`.
        own: those of the session, which has the parts of a parameter one after another.
    """
    result = sha256(f"asg.state:{step}".encode())
    for key in sorted(own, key=lambda key: key.partition(":")[2]):
        part, _, name = key.partition(":")
        array = state[key]
        # A length before each name keeps different states from having the same bytes.
        result.update(f"{len(name)}:{name}:{part}:{array.dtype.name}:{list(array.shape)}:".encode())
        result.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return result.hexdigest()
