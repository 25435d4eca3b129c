"""Normalisations beside PyTorch's: in training and evaluation, with their running statistics."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import asg_builder as asg
import asg_executor
from asg_builder import nn as asg_nn
from asg_schema.errors import AsgError
from parity.derivatives import assert_same, fixed_arrays
from parity.layer_comparison import compare_layers, compare_names, randomize

SHAPES = {1: (4, 3, 5), 2: (4, 3, 5, 2), 3: (2, 3, 4, 2, 3)}


def pair(name: str, *sizes: Any, **options: Any) -> tuple[asg_nn.Module, nn.Module]:
    """Our layer and PyTorch's of one name and one set of arguments, which have the same defaults."""
    module = randomize(getattr(nn, name)(*sizes, **options, dtype=torch.float64))
    return getattr(asg_nn, name)(*sizes, **options, dtype="float64", name=""), module


@pytest.mark.parametrize("options", [{}, {"eps": 1e-3}, {"bias": False}, {"elementwise_affine": False}], ids=str)
@pytest.mark.parametrize(("sizes", "shape"), [(6, (6,)), (6, (4, 6)), (6, (2, 3, 6)), ((3, 4), (5, 3, 4))])
def test_layer_norm(sizes: Any, shape: tuple[int, ...], options: dict[str, Any]) -> None:
    compare_layers(*pair("LayerNorm", sizes, **options), fixed_arrays([shape], 1))


@pytest.mark.parametrize("options", [{}, {"eps": 1e-3}, {"elementwise_affine": False}], ids=str)
@pytest.mark.parametrize(("sizes", "shape"), [(6, (6,)), (6, (2, 3, 6)), ((3, 4), (5, 3, 4))])
def test_rms_norm(sizes: Any, shape: tuple[int, ...], options: dict[str, Any]) -> None:
    compare_layers(*pair("RMSNorm", sizes, **options), fixed_arrays([shape], 1))


@pytest.mark.parametrize("options", [{}, {"eps": 1e-3}, {"bias": False}, {"affine": False}], ids=str)
@pytest.mark.parametrize(
    ("shape", "groups"), [((4, 6), 1), ((4, 6), 2), ((4, 6, 5), 1), ((4, 6, 5), 6), ((2, 6, 3, 4), 3)]
)
def test_group_norm(shape: tuple[int, ...], groups: int, options: dict[str, Any]) -> None:
    compare_layers(*pair("GroupNorm", groups, 6, **options), fixed_arrays([shape], 1))


BATCH_OPTIONS = [
    {},
    {"eps": 1e-3, "momentum": 0.3},
    {"momentum": None},
    {"affine": False},
    {"track_running_stats": False},
    {"momentum": 0.0},
    {"bias": False},
]


@pytest.mark.parametrize("options", BATCH_OPTIONS, ids=str)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("axes", [0, 1, 2, 3])
def test_batch_norm(axes: int, training: bool, options: dict[str, Any]) -> None:
    shape = SHAPES[axes] if axes else (5, 3)
    layer, module = pair(f"BatchNorm{axes or 1}d", 3, **options)
    layer.train(training)
    compare_layers(layer, module.train(training), fixed_arrays([shape], 1))
    symbols = [["batch", 3, "height", "width", "depth"][: len(shape)]]
    compare_layers(layer, module, fixed_arrays([shape], 2), shapes=symbols)


INSTANCE_OPTIONS = [
    {},
    {"affine": True, "eps": 1e-3},
    {"track_running_stats": True},
    {"affine": True, "track_running_stats": True, "momentum": 0.3},
    {"track_running_stats": True, "momentum": None},
    {"affine": True, "bias": False},
]


@pytest.mark.parametrize("options", INSTANCE_OPTIONS, ids=str)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_instance_norm(axes: int, training: bool, options: dict[str, Any]) -> None:
    layer, module = pair(f"InstanceNorm{axes}d", 3, **options)
    layer.train(training)
    compare_layers(layer, module.train(training), fixed_arrays([SHAPES[axes]], 1))
    symbols = [["batch", 3, "height", "width", "depth"][: axes + 2]]
    compare_layers(layer, module, fixed_arrays([SHAPES[axes]], 2), shapes=symbols)
    alone = SHAPES[axes][1:]
    compare_layers(layer, module, fixed_arrays([alone], 3), shapes=[alone])


@pytest.mark.parametrize("momentum", [0.1, None])
def test_running_statistics_over_many_batches(momentum: float | None) -> None:
    layer, module = pair("BatchNorm1d", 3, momentum=momentum)
    with asg.graph("train") as train:
        train.output(y=layer(asg.input("x", ("batch", 3), "float64")))
    with asg.graph("predict") as predict:
        predict.output(y=layer.eval()(asg.input("x", ("batch", 3), "float64")))
    state = {name: value.detach().numpy() for name, value in module.state_dict().items()}
    graphs = {"train": train.document(), "predict": predict.document()}
    session = asg_executor.Session(graphs, parameters=state)
    for seed in range(5):
        (x,) = fixed_arrays([(4 + seed, 3)], seed)
        assert_same(session.step({"x": x})["y"], module.train()(torch.tensor(x)).detach().numpy(), "training")
        theirs = module.eval()(torch.tensor(x)).detach().numpy()
        assert_same(session.run("predict", {"x": x})["y"], theirs, "evaluation")
    for name, value in module.state_dict().items():
        assert_same(session.parameters()[name], value.numpy(), name)
    assert session.parameters()["num_batches_tracked"] == 5


def test_a_layer_that_is_called_twice_updates_twice() -> None:
    layer, module = pair("BatchNorm1d", 3)
    a, b = fixed_arrays([(4, 3), (6, 3)], 1)
    state = {name: value.detach().numpy().copy() for name, value in module.state_dict().items()}
    with asg.graph("train") as g:
        first, second = (asg.input(name, ("n" + name, 3), "float64") for name in "ab")
        g.output(first=layer(first), second=layer(second), third=layer.eval()(first))
    results = asg_executor.run(g.document(), {"a": a, "b": b}, state)
    theirs = [module(torch.tensor(a)), module(torch.tensor(b)), module.eval()(torch.tensor(a))]
    for name, y in zip(("first", "second", "third"), theirs, strict=True):
        assert_same(results[name], y.detach().numpy(), name)
    for name, value in module.named_buffers():
        assert_same(results[f"update.{name}"], value.numpy(), name)


@pytest.mark.parametrize("name", ["BatchNorm1d", "InstanceNorm1d"])
def test_one_value_for_each_channel_is_refused_as_there(name: str) -> None:
    layer, module = pair(name, 3)
    shape = (1, 3, 1)
    with pytest.raises(ValueError, match="xpected more than 1"):
        module(torch.ones(shape, dtype=torch.float64))
    with asg.graph(), pytest.raises(AsgError, match="more than 1 value"):
        layer(asg.input("x", shape, "float64"))


@pytest.mark.parametrize("name", ["BatchNorm2d", "InstanceNorm3d", "GroupNorm", "RMSNorm", "LayerNorm"])
def test_first_values(name: str) -> None:
    sizes = (2, 6) if name == "GroupNorm" else (6,)
    ours, theirs = getattr(asg_nn, name)(*sizes, name=""), getattr(nn, name)(*sizes)
    compare_names(ours, theirs)
    with asg.graph() as g:
        for _, item in ours.named_parameters():
            _ = item.value
        g.output(x=asg.zeros((1,)))
    found = asg_executor.Session({"predict": g.document()}).parameters()
    for key, value in theirs.state_dict().items():
        np.testing.assert_array_equal(found[key], value.numpy())
        assert found[key].dtype == value.numpy().dtype
