"""`KnownRequests`: requests whose JSON was read before, of clients that send their tensors behind it."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from asg_executor.api.open_inference.messages import Wanted
from asg_executor.inference.model import ServedModel
from asg_executor.plan.arrays import Array
from asg_executor.weak_table import WeakTable

__all__ = ["KnownRequest", "KnownRequests"]

_MOST = 256  # of one model
_LONGEST = 2_048  # bytes of JSON


class _Place(NamedTuple):
    """Where a tensor lies behind the JSON, and what it is."""

    name: str
    shape: tuple[int, ...]
    dtype: "np.dtype[np.generic]"
    begin: int


class KnownRequest(NamedTuple):
    """What a request's JSON says of a model.

    Attributes:
        wanted: what is asked for.
        places: where the inputs lie behind the JSON, in order.
        size: how many bytes lie there.
    """

    wanted: Wanted
    places: tuple[_Place, ...]
    size: int

    def arrays(self, buffers: memoryview) -> dict[str, Array]:
        """The inputs, of the dtypes and shapes that were found to fit before.

        Args:
            buffers: what lies behind the JSON: as many bytes as `size` says.
        """
        return {place.name: np.ndarray(place.shape, place.dtype, buffers, place.begin) for place in self.places}


class KnownRequests:
    """What is known of the requests for each model, for as long as it is kept ready. Any thread may use it."""

    def __init__(self) -> None:
        self._of_model: WeakTable[ServedModel, dict[bytes, KnownRequest]] = WeakTable()

    def find(self, model: ServedModel, text: bytes, size: int) -> KnownRequest | None:
        """What is known of a request; None where it has to be read.

        Args:
            model: the model.
            text: the request's JSON.
            size: how many bytes lie behind it.
        """
        known = self._of_model.get(model)
        found = None if known is None else known.get(text)
        return found if found is not None and found.size == size else None

    def remember(self, model: ServedModel, text: bytes, wanted: Wanted, arrays: Mapping[str, Array], size: int) -> None:
        """Remember a request that was read, if all of its tensors lie behind the JSON, and need only be looked at.

        Args:
            model: the model.
            text: the request's JSON.
            wanted: what it asks for.
            arrays: its inputs, in the order in which they are sent.
            size: how many bytes lie behind the JSON.
        """
        # What a bool's bytes are has to be checked each time.
        if len(text) > _LONGEST or any(array.dtype == np.bool_ or not array.size for array in arrays.values()):
            return
        places: list[_Place] = []
        begin = 0
        for name, array in arrays.items():
            places.append(_Place(name, array.shape, array.dtype, begin))
            begin += array.nbytes
        if begin != size:  # some are in the JSON
            return
        known = self._of_model.get(model)
        if known is None:
            known = dict[bytes, KnownRequest]()
            self._of_model.set(model, known)
        if len(known) >= _MOST:
            known.clear()
        known[text] = KnownRequest(wanted, tuple(places), size)
