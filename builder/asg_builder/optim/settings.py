"""Settings: dataclasses whose annotations say what their fields may hold, and what they are called in JSON.

The executor checks every form that it is sent. What a field may hold is checked here as well, so that a slip is told
where it was made.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from math import inf, isfinite
from typing import Annotated, Any, ClassVar, Literal, TypeAlias, cast, get_args, get_origin, get_type_hints

import numpy as np

__all__ = ["Betas", "Bounds", "Count", "Named", "NonNegative", "Number", "Positive", "Settings", "Share", "as_json"]


@dataclass(frozen=True)
class Bounds:
    """What a number may be; each of them where a field holds several. Every number is finite.

    Attributes:
        least: the least one.
        most: the largest one.
        above: what it has to be above.
        below: what it has to be below.
    """

    least: float = -inf
    most: float = inf
    above: float = -inf
    below: float = inf

    def holds(self, value: float) -> bool:
        """Whether a number is within the bounds."""
        try:
            finite = isfinite(value)
        except OverflowError:  # an integer beyond every float
            return False
        return finite and self.least <= value <= self.most and self.above < value < self.below

    def __str__(self) -> str:
        if self.below < inf:
            return f"a number in [{self.least:g}, {self.below:g})"
        if self.most < inf:
            return f"a finite number {f'from {self.least:g} to' if self.least > -inf else 'of at most'} {self.most:g}"
        if self.above > -inf:
            return f"a finite number above {self.above:g}"
        return f"a finite number of at least {self.least:g}" if self.least > -inf else "a finite number"


@dataclass(frozen=True)
class Named:
    """The name of a field in JSON, where it is another one.

    Attributes:
        name: the name.
    """

    name: str


NonNegative: TypeAlias = Annotated[float, Bounds(least=0)]
Positive: TypeAlias = Annotated[float, Bounds(above=0)]
Share: TypeAlias = Annotated[float, Bounds(least=0, most=1)]
Betas: TypeAlias = Annotated[tuple[float, float], Bounds(least=0, below=1)]
Count: TypeAlias = Annotated[int, Bounds(least=1)]
Number: TypeAlias = Annotated[int, Bounds(least=0)]


class Settings:
    """What the dataclasses of this package have in common: the check of their fields, and their JSON form."""

    kind: ClassVar[str]
    """The name of the kind in JSON."""

    def __post_init__(self) -> None:
        for name, metadata in _metadata(type(self)).items():
            for item in metadata:
                if isinstance(item, Bounds):
                    self._check_number(name, getattr(self, name), item)
                elif isinstance(item, tuple):
                    self._check_choice(name, getattr(self, name), cast("tuple[Any, ...]", item))

    def _check_number(self, name: str, value: Any, bounds: Bounds) -> None:
        value = as_json(value)
        if isinstance(value, list):
            for index, entry in enumerate(cast("list[Any]", value)):
                self._check_number(f"{name}[{index}]", entry, bounds)
        elif isinstance(value, int | float):
            if not bounds.holds(value):
                raise ValueError(f"{type(self).__name__}: {name} is {value}; {bounds} is needed")
        elif value is not None and not isinstance(value, dict):
            raise ValueError(f"{type(self).__name__}: {name} is {value!r}; {bounds} is needed")

    def _check_choice(self, name: str, value: Any, choices: tuple[Any, ...]) -> None:
        if value not in choices:
            listed = " or ".join(f'"{choice}"' for choice in choices)
            raise ValueError(f'{type(self).__name__}: {name} is "{value}"; {listed} is needed')

    def to_json(self) -> dict[str, Any]:
        """The settings as the executor reads them."""
        names = {name: _json_name(name, metadata) for name, metadata in _metadata(type(self)).items()}
        return {"kind": self.kind, **{written: as_json(getattr(self, name)) for name, written in names.items()}}


@cache
def _metadata(kind: type[Settings]) -> Mapping[str, tuple[Any, ...]]:
    """For each field what its annotation says: `Bounds`, `Named`, and the choices of a `Literal` as a tuple."""
    hints = get_type_hints(kind, include_extras=True)
    return {item.name: tuple(_parts(hints[item.name])) for item in fields(cast("Any", kind))}


def _parts(hint: Any) -> Iterator[Any]:
    if get_origin(hint) is Literal:
        yield get_args(hint)
    elif get_origin(hint) is Annotated:
        yield from get_args(hint)[1:]
    else:
        for argument in get_args(hint):
            yield from _parts(argument)


def _json_name(name: str, metadata: tuple[Any, ...]) -> str:
    return next((item.name for item in metadata if isinstance(item, Named)), name)


def as_json(value: Any) -> Any:
    """The JSON form of a field: settings as objects, sequences as lists, NumPy's numbers and arrays as Python's."""
    if isinstance(value, Settings):
        return value.to_json()
    if isinstance(value, np.generic | np.ndarray):
        return cast("Any", value).tolist()
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [as_json(entry) for entry in cast("Sequence[Any]", value)]
    return value
