"""Composites of layout over symbolic sizes that turn out to be small, and the modes of `pad`."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import asg_builder as asg
import asg_executor
from asg_autograd import vjp
from asg_executor.errors import SymbolError
from asg_schema.document import Document
from asg_schema.errors import AsgError


def of_symbolic_vector(function: Callable[[asg.Tensor], asg.Tensor]) -> Document:
    with asg.graph("layout") as graph:
        graph.output(y=function(asg.input("x", ("n",), "float64")))
    return graph.document()


@pytest.mark.parametrize("size", [0, 1, 2, 5])
@pytest.mark.parametrize("shift", [1, -3, 7])
def test_roll_of_any_size(size: int, shift: int) -> None:
    document = of_symbolic_vector(lambda x: asg.roll(x, shift, axis=0))
    x = np.arange(float(size))
    np.testing.assert_array_equal(asg_executor.run(document, {"x": x})["y"], np.roll(x, shift))
    gradient = asg_executor.run(vjp(document, ["y"], ["x"]), {"x": x, "cotangent.y": x})["grad.x"]
    np.testing.assert_array_equal(gradient, np.roll(x, -shift))


def test_roll_by_a_symbolic_shift() -> None:
    document = of_symbolic_vector(lambda x: asg.roll(x, x.shape[0] // 2, axis=0))
    for size in (4, 5):
        x = np.arange(float(size))
        np.testing.assert_array_equal(asg_executor.run(document, {"x": x})["y"], np.fft.fftshift(x))


def test_tile_by_a_symbol() -> None:
    document = of_symbolic_vector(lambda x: asg.tile(x, ("n", 1)))
    x = np.arange(3.0)
    np.testing.assert_array_equal(asg_executor.run(document, {"x": x})["y"], np.stack([x, x, x]))


@pytest.mark.parametrize(
    ("mode", "size", "message"),
    [
        ("reflect", 2, 'low is 2 along axis 0 of "x" float64[2], whose size is 2; at most 1 is needed there'),
        ("edge", 0, 'low is 2 along axis 0 of "x" float64[0], whose size is 0; at most 0 is needed there'),
    ],
)
def test_padding_that_turns_out_too_large(mode: Any, size: int, message: str) -> None:
    document = of_symbolic_vector(lambda x: asg.pad(x, 2, 0, mode=mode))
    assert asg_executor.run(document, {"x": np.arange(3.0)})["y"].shape == (5,)
    with pytest.raises(SymbolError) as caught:
        asg_executor.run(document, {"x": np.zeros(size)})
    assert str(caught.value) == f'with n = {size}: node "pad_{mode}" (pad_{mode}): {message}'


def test_the_modes_of_pad() -> None:
    x = np.arange(1.0, 5.0)
    constant = of_symbolic_vector(lambda x: asg.pad(x, 2, 1, value=7.0))
    np.testing.assert_array_equal(asg_executor.run(constant, {"x": x})["y"], [7.0, 7.0, 1.0, 2.0, 3.0, 4.0, 7.0])
    reflected = of_symbolic_vector(lambda x: asg.pad(x, 2, 1, mode="reflect"))
    np.testing.assert_array_equal(asg_executor.run(reflected, {"x": x})["y"], [3.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0])
    extended = of_symbolic_vector(lambda x: asg.pad(x, 2, 1, mode="edge"))
    np.testing.assert_array_equal(asg_executor.run(extended, {"x": x})["y"], [1.0, 1.0, 1.0, 2.0, 3.0, 4.0, 4.0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mode": "wrap"}, 'pad: mode is "wrap"; "constant", "reflect" or "edge" is needed'),
        (
            {"mode": "edge", "value": 1.0},
            'pad: interior and value are those of mode "constant"; mode "edge" has neither',
        ),
        (
            {"mode": "reflect", "interior": [1]},
            'pad: interior and value are those of mode "constant"; mode "reflect" has neither',
        ),
    ],
)
def test_what_pad_refuses(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(AsgError) as caught:
        of_symbolic_vector(lambda x: asg.pad(x, 1, 1, **arguments))
    assert str(caught.value) == message
