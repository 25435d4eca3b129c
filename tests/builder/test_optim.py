"""Optimizers: the executor reads what they write, and understands it as they mean it."""

from collections.abc import Callable

import pytest
from pydantic import TypeAdapter

import asg_builder.optim as optim
from asg_executor.optimizers.choice import AnyOptimizer


@pytest.mark.parametrize(
    "optimizer",
    [
        optim.SGD(0.1),
        optim.SGD(1, 0.9, 0.1, 0.01, maximize=True),
        optim.SGD(0.1, 0.9, nesterov=True),
        optim.Adam(1e-2),
        optim.Adam(1e-2, (0.8, 0.99), 1e-6, 0.1, True, maximize=True),
        optim.AdamW(),
    ],
    ids=repr,
)
def test_the_executor_reads_them(optimizer: optim.Optimizer) -> None:
    read = TypeAdapter(AnyOptimizer).validate_python(optimizer.to_json())
    assert read.model_dump(mode="json") == optimizer.to_json()


def test_pytorchs_defaults() -> None:
    assert optim.SGD() == optim.SGD(1e-3, 0, 0, 0, False)
    assert optim.Adam() == optim.Adam(1e-3, (0.9, 0.999), 1e-8, 0, False)
    assert optim.AdamW() == optim.AdamW(1e-3, (0.9, 0.999), 1e-8, 1e-2, False)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optim.SGD(-1), "lr is -1; a finite number of at least 0"),
        (lambda: optim.SGD(float("nan")), "lr is nan"),
        (lambda: optim.SGD(0.1, dampening=float("inf")), "dampening is inf"),
        (lambda: optim.SGD(0.1, nesterov=True), "momentum above 0"),
        (lambda: optim.SGD(0.1, 0.9, 0.5, nesterov=True), "dampening of 0"),
        (lambda: optim.Adam(betas=(0.9, 1)), r"betas\[1\] is 1; a number in \[0, 1\)"),
        (lambda: optim.AdamW(eps=-1), "eps is -1"),
    ],
)
def test_settings_that_cannot_be(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
