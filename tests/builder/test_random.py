"""Random functions of the builder: their keys, symbolic shapes, and dropout of whole channels."""

from collections.abc import Callable

import numpy as np
import pytest

import asg_builder as asg
import asg_executor
from asg_builder.arrays import Array
from asg_schema.errors import AsgError, DocumentError

KEY = np.array([3, 4], np.uint32)


def run_drawing(function: Callable[[], asg.Tensor], **inputs: Array) -> Array:
    with asg.graph("drawing") as g:
        g.output(y=function())
    document = asg.Document.from_json(g.document().to_json())
    return asg_executor.run(document, {item.id: KEY for item in document.inputs if item.role} | inputs)["y"]


@pytest.mark.parametrize(
    "function",
    [
        lambda: asg.uniform(shape=(1000,)),
        lambda: asg.normal(shape=(1000,)),
        lambda: asg.bernoulli(None, 0.5, shape=(1000,)),
        lambda: asg.categorical(None, asg.zeros((1000, 9))),
    ],
)
def test_a_key_that_is_left_out_is_another_one_at_each_call(function: Callable[[], asg.Tensor]) -> None:
    both = run_drawing(lambda: asg.stack([function(), function()]))
    assert np.mean(both[0] == both[1]) < 0.6


def test_one_key_gives_the_same_numbers() -> None:
    def twice() -> asg.Tensor:
        key = asg.rng_key()
        return asg.stack([asg.normal(key, shape=(9,)), asg.normal(key, shape=(9,))])

    both = run_drawing(twice)
    np.testing.assert_array_equal(both[0], both[1])


def test_moments() -> None:
    count = 200_000
    uniform = run_drawing(lambda: asg.uniform(shape=count, low=-1.0, high=3.0))
    normal = run_drawing(lambda: asg.normal(shape=count, mean=5.0, std=0.5))
    coin = run_drawing(lambda: asg.bernoulli(None, 0.1, shape=count))
    weights = np.array([0.1, 0.6, 0.3], np.float32)
    classes = run_drawing(lambda: asg.categorical(None, asg.constant(np.log(weights)), shape=count))
    # Five standard deviations of each estimate.
    assert abs(uniform.mean() - 1) < 5 * 4 / np.sqrt(12 * count)
    assert uniform.min() >= -1
    assert uniform.max() < 3
    assert abs(normal.mean() - 5) < 5 * 0.5 / np.sqrt(count)
    assert abs(normal.std() - 0.5) < 5 * 0.5 / np.sqrt(2 * count)
    assert abs(coin.mean() - 0.1) < 5 * 0.3 / np.sqrt(count)
    assert np.all(np.abs(np.bincount(classes) / count - weights) < 5 * 0.5 / np.sqrt(count))


def test_symbolic_shapes() -> None:
    x = np.zeros((5, 3), np.float32)

    def draw() -> asg.Tensor:
        batch, width = asg.input("x", ("batch", "width")).shape
        chosen = asg.categorical(None, asg.zeros((width,)), shape=(batch, 2)).astype("float32")
        coins = asg.bernoulli(None, asg.full((width,), 1.0, "float32"), shape=(batch, width)).astype("float32")
        return asg.concat([asg.uniform(shape=(batch, width)), asg.normal(shape=(batch, 1)), coins, chosen], axis=1)

    result = run_drawing(draw, x=x)
    assert result.shape == (5, 3 + 1 + 3 + 2)
    np.testing.assert_array_equal(result[:, 4:7], 1.0)


CHANNEL_SHAPES = {
    asg.dropout1d: [(20, 30, 4), (30, 4)],
    asg.dropout2d: [(20, 30, 3, 2)],
    asg.dropout3d: [(20, 30, 2, 1, 2), (30, 2, 1, 2)],
}


@pytest.mark.parametrize(
    ("function", "shape"), [(function, shape) for function, shapes in CHANNEL_SHAPES.items() for shape in shapes]
)
def test_whole_channels_are_dropped(function: Callable[..., asg.Tensor], shape: tuple[int, ...]) -> None:
    x = np.ones(shape, np.float32)
    result = run_drawing(lambda: function(asg.input("x", shape), p=0.25), x=x)
    spatial = int(function.__name__[-2])
    channels = result.reshape(*shape[: len(shape) - spatial], -1)
    assert np.all(channels == channels[..., :1])
    assert set(np.unique(channels)) == {0.0, np.float32(1 / 0.75)}
    assert 0.05 < np.mean(channels == 0) < 0.45


def test_dropout_over_all_axes_drops_all_or_nothing() -> None:
    result = run_drawing(lambda: asg.dropout(asg.ones((4, 5)), broadcast_axes=None))
    assert len(np.unique(result)) == 1


@pytest.mark.parametrize(
    ("function", "shape", "needed"),
    [
        (asg.dropout1d, (3,), r"[N, C, L] or [C, L]"),
        (asg.dropout2d, (3, 4, 5), r"[N, C, H, W]"),
        (asg.dropout3d, (3, 4, 5), r"[N, C, D, H, W] or [C, D, H, W]"),
    ],
)
def test_dropout_of_other_ranks_is_refused(
    function: Callable[..., asg.Tensor], shape: tuple[int, ...], needed: str
) -> None:
    with asg.graph("bad"), pytest.raises(AsgError) as caught:
        function(asg.input("x", shape))
    assert str(caught.value).endswith(f"has {len(shape)} axes; {needed} is needed")


def test_integer_probabilities_are_refused() -> None:
    with (
        asg.graph("bad"),
        pytest.raises(DocumentError, match="has dtype int64; a floating-point dtype is needed there"),
    ):
        asg.bernoulli(None, asg.zeros((2,), "int64"))
