"""Names, order and defaults of the arguments of layers and functions are PyTorch's, but for what is written here."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from torch import nn
from torch.nn import functional

import asg_builder as asg
from asg_builder import nn as asg_nn

OURS = {"dtype", "name"}
"""What every layer may have; PyTorch's `dtype` is one of its own."""

THEIRS = {"device", "dtype", "inplace"}
"""What no layer has: nothing is computed where a graph is built, and no tensor is written to."""

LEFT_OUT: dict[str, set[str]] = {
    "ConvTranspose1d": {"padding_mode"},  # PyTorch has "zeros" alone
    "ConvTranspose2d": {"padding_mode"},
    "ConvTranspose3d": {"padding_mode"},
    "Embedding": {"max_norm", "norm_type", "scale_grad_by_freq", "sparse", "_weight", "_freeze"},
    "Hardtanh": {"min_value", "max_value"},  # old names of the other two
}

OTHER_NAMES = {"dim": "axis", "start_dim": "start_axis", "end_dim": "end_axis"}

OTHER_DEFAULTS = {("Softmax", "axis"), ("LogSoftmax", "axis"), ("ModuleList", "modules")}
"""The last axis, where PyTorch has none; and an empty tuple, where it has None."""

OWN = {"Module", "MultiHeadAttention", "Parameter", "Sequential"}
"""Bases, and a layer with arguments of its own."""

LAYERS = [name for name in asg_nn.__all__ if hasattr(nn, name) and name not in OWN]


def arguments(function: Callable[..., Any], left_out: set[str]) -> list[tuple[str, Any]]:
    """Names, in order, and defaults."""
    listed = inspect.signature(function).parameters.values()
    return [
        (OTHER_NAMES.get(item.name, item.name), item.default)
        for item in listed
        if item.name not in left_out and item.kind not in (item.VAR_POSITIONAL, item.VAR_KEYWORD)
    ]


def test_there_are_layers_to_compare() -> None:
    assert len(LAYERS) > 50
    assert set(LEFT_OUT) <= set(LAYERS)


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_has_pytorchs_arguments(name: str) -> None:
    ours = arguments(getattr(asg_nn, name), OURS)
    theirs = arguments(getattr(nn, name), THEIRS | LEFT_OUT.get(name, set()))
    assert [item[0] for item in ours] == [item[0] for item in theirs]
    differing = {(name, one[0]) for one, other in zip(ours, theirs, strict=True) if one[1] != other[1]}
    assert differing == {item for item in OTHER_DEFAULTS if item[0] == name}


SIGNATURES = [
    function
    for family in ("conv{}d", "conv_transpose{}d", "avg_pool{}d", "adaptive_avg_pool{}d", "max_pool{}d")
    for function in (family.format(axes) for axes in (1, 2, 3))
]


@pytest.mark.parametrize("name", SIGNATURES)
def test_a_function_has_pytorchs_arguments(name: str) -> None:
    ours = [item[0] for item in arguments(getattr(asg, name), set())]
    # Functions that are not written in Python have their arguments in the first line of their documentation only.
    function = getattr(functional, f"{name}_with_indices" if name.startswith("max") else name)
    try:
        theirs = [item[0] for item in arguments(function, set())]
    except ValueError:
        line = next(line for line in function.__doc__.splitlines() if line.startswith(f"{name}("))
        theirs = [part.partition("=")[0].strip() for part in line.partition("(")[2].partition(")")[0].split(",")]
    assert ours == theirs
