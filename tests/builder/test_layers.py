"""Layers against formulas in NumPy."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import asg_builder as asg
import asg_executor
from asg_autograd import grad
from asg_builder import initializers, losses, nn
from asg_schema import AsgError

RNG = np.random.default_rng(7)


def run_layer(
    layer: Callable[..., asg.Tensor], x: Any, *others: Any, dtype: str = "float64"
) -> tuple[Any, dict[str, Any]]:
    """The result of a layer for random parameters, and those by the end of their names."""
    with asg.graph() as g:
        tensors = [asg.input(f"x{i}", np.shape(value), np.asarray(value).dtype) for i, value in enumerate((x, *others))]
        g.output(y=layer(*tensors))
    shapes = {item.id: item.shape for item in g.parameters}
    values = {name: RNG.standard_normal(shape).astype(dtype) for name, shape in shapes.items()}
    inputs = {f"x{i}": np.asarray(value) for i, value in enumerate((x, *others))}
    y = asg_executor.run(g.document(), inputs, values)["y"]
    return y, {name.partition(".")[2]: value for name, value in values.items()}


def softmax(x: Any) -> Any:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def test_linear() -> None:
    x = RNG.standard_normal((2, 3, 4))
    y, p = run_layer(nn.Linear(4, 5, dtype="float64"), x)
    np.testing.assert_allclose(y, np.einsum("bsi,oi->bso", x, p["weight"]) + p["bias"])
    y, p = run_layer(nn.Linear(4, 5, bias=False, dtype="float64"), x)
    assert list(p) == ["weight"]
    np.testing.assert_allclose(y, np.einsum("bsi,oi->bso", x, p["weight"]))


def test_linear_begins_as_in_pytorch() -> None:
    layer = nn.Linear(16, 5)
    assert layer.weight.init == initializers.KaimingUniform(a=math.sqrt(5))
    assert layer.bias is not None
    assert layer.bias.init == initializers.Uniform(low=-0.25, high=0.25)
    with asg.graph() as g:
        g.output(y=layer(asg.input("x", ("n", 16))))
    session = asg_executor.Session({"predict": g.document()}, seed=3)
    weight = session.parameters()["linear.weight"]
    assert weight.shape == (5, 16)
    assert 0.2 < np.abs(weight).max() <= 0.25


@pytest.mark.parametrize("shape", [(4,), (3, 4)])
def test_layer_norm(shape: tuple[int, ...]) -> None:
    x = RNG.standard_normal((2, 3, 4)) * 3 + 1
    axes = tuple(range(-len(shape), 0))
    normal = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5)
    y, p = run_layer(nn.LayerNorm(shape, dtype="float64"), x)
    np.testing.assert_allclose(y, normal * p["weight"] + p["bias"])
    y, p = run_layer(nn.LayerNorm(shape, bias=False, dtype="float64"), x)
    np.testing.assert_allclose(y, normal * p["weight"])
    y, p = run_layer(nn.LayerNorm(shape, elementwise_affine=False, dtype="float64"), x)
    assert not p
    np.testing.assert_allclose(y, normal)


def test_embedding() -> None:
    tokens = np.array([[1, 0], [4, 4]], np.int32)
    y, p = run_layer(nn.Embedding(5, 3, dtype="float64"), tokens)
    np.testing.assert_array_equal(y, p["weight"][tokens])
    assert nn.Embedding(5, 3).weight.init == initializers.Normal(mean=0, std=1)


def attention_by_hand(p: dict[str, Any], q: Any, k: Any, v: Any, heads: int, allowed: Any) -> Any:
    """Each batch and head by itself, in loops."""
    size = q.shape[-1]
    packed = p["in_proj_weight"].reshape(3, size, size) if "in_proj_weight" in p else None
    biases = dict(zip("qkv", p["in_proj_bias"].reshape(3, size), strict=True))
    project: dict[str, Any] = {}
    for i, (name, x) in enumerate(zip("qkv", (q, k, v), strict=True)):
        weight = p[f"{name}_proj_weight"] if packed is None else packed[i]
        project[name] = x @ weight.T + biases[name]
    size = q.shape[-1] // heads
    merged = np.zeros_like(q)
    for b in range(q.shape[0]):
        for h in range(heads):
            part = slice(h * size, (h + 1) * size)
            scores = project["q"][b, :, part] @ project["k"][b, :, part].T / math.sqrt(size)
            scores = np.where(np.broadcast_to(allowed, (q.shape[0], heads, *scores.shape))[b, h], scores, -np.inf)
            merged[b, :, part] = softmax(scores) @ project["v"][b, :, part]
    return merged @ p["out_proj.weight"].T + p["out_proj.bias"]


def test_multi_head_attention_to_itself() -> None:
    x = RNG.standard_normal((4, 7, 6))
    y, p = run_layer(nn.MultiHeadAttention(6, 3, dtype="float64"), x)
    np.testing.assert_allclose(y, attention_by_hand(p, x, x, x, 3, True))


def test_multi_head_attention_is_causal() -> None:
    x = RNG.standard_normal((2, 5, 4))
    y, p = run_layer(nn.MultiHeadAttention(4, 2, causal=True, dtype="float64"), x)
    np.testing.assert_allclose(y, attention_by_hand(p, x, x, x, 2, np.tri(5, dtype=bool)))


@pytest.mark.parametrize("shape", [(3, 5), (2, 3, 5), (1, 3, 5), (2, 2, 3, 5), (2, 1, 1, 5)])
def test_multi_head_attention_to_others_with_a_mask(shape: tuple[int, ...]) -> None:
    q, k, v = RNG.standard_normal((2, 3, 4)), RNG.standard_normal((2, 5, 6)), RNG.standard_normal((2, 5, 8))
    mask = RNG.random(shape) < 0.7
    mask[..., 0] = True
    layer = nn.MultiHeadAttention(4, 2, kdim=6, vdim=8, dtype="float64")

    def attend(q: asg.Tensor, k: asg.Tensor, v: asg.Tensor, refused: asg.Tensor) -> asg.Tensor:
        return layer(q, k, v, attn_mask=refused)

    y, p = run_layer(attend, q, k, v, ~mask)
    by_head = mask[:, None] if len(shape) == 3 else mask
    np.testing.assert_allclose(y, attention_by_hand(p, q, k, v, 2, by_head))


def test_multi_head_attention_without_a_batch() -> None:
    x = RNG.standard_normal((5, 4))
    y, p = run_layer(nn.MultiHeadAttention(4, 2, dtype="float64"), x)
    np.testing.assert_allclose(y, attention_by_hand(p, x[None], x[None], x[None], 2, True)[0])


@pytest.mark.parametrize("shape", [(4, 7, 6), (1, 1, 6), (6, 6), (2, 2, 3, 6)])
def test_transformer_block(shape: tuple[int, ...]) -> None:
    x = RNG.standard_normal(shape)
    y, p = run_layer(nn.TransformerBlock(6, 2, 12, activation="tanh", dtype="float64"), x)

    def norm(name: str, x: Any) -> Any:
        normal = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
        return normal * p[f"{name}.weight"] + p[f"{name}.bias"]

    flat = x.reshape(-1, *shape[-2:])
    parts = {name.removeprefix("self_attn."): value for name, value in p.items() if name.startswith("self_attn.")}
    normal = norm("norm1", flat)
    h = flat + attention_by_hand(parts, normal, normal, normal, 2, True)
    inner = np.tanh(norm("norm2", h) @ p["linear1.weight"].T + p["linear1.bias"])
    h = h + inner @ p["linear2.weight"].T + p["linear2.bias"]
    np.testing.assert_allclose(y, h.reshape(shape))


def test_a_causal_block_does_not_look_ahead() -> None:
    layer = nn.TransformerBlock(4, 2, 8, causal=True, dtype="float64")
    with asg.graph() as g:
        x = asg.input("x", (1, 6, 4), "float64")
        y = layer(x)
        g.output(loss=asg.sum(y[:, :3] * y[:, :3]))
    gradient = grad(g.document(), of="loss", wrt=["x"])
    session = asg_executor.Session({"g": gradient}, seed=1)
    found = session.run("g", {"x": RNG.standard_normal((1, 6, 4))}, ["grad.x"])["grad.x"]
    assert np.abs(found[:, :3]).min() > 0
    np.testing.assert_array_equal(found[:, 3:], 0)


def test_dropout_drops_in_training_only() -> None:
    model = nn.Sequential(nn.Dropout(0.25), nn.Flatten(0))
    with asg.graph("train") as g:
        g.output(y=model(asg.input("x", (10_000,))))
    y = asg_executor.run(g.document(), {"x": np.ones(10_000, np.float32), "rng_key": np.array([1, 2], np.uint32)})["y"]
    assert set(np.unique(y)) == {0, np.float32(1 / 0.75)}
    assert 0.22 < np.mean(y == 0) < 0.28
    with asg.graph("predict") as g:
        x = asg.input("x", (10,))
        assert model.eval()[0](x) is x
    assert not g.inputs[1:]


def test_two_dropouts_drop_differently() -> None:
    layer = nn.Dropout(0.5)
    with asg.graph() as g:
        x = asg.ones((1000,))
        g.output(a=layer(x), b=layer(x))
    found = asg_executor.run(g.document(), {"rng_key": np.array([1, 2], np.uint32)})
    assert 400 < np.sum(found["a"] != found["b"]) < 600


ACTIVATIONS: dict[str, tuple[Callable[[], nn.Module], Callable[[Any], Any]]] = {
    "relu": (nn.ReLU, lambda x: x * (x > 0)),
    "leaky_relu": (lambda: nn.LeakyReLU(0.2), lambda x: x * (x > 0) + 0.2 * x * (x <= 0)),
    "gelu": (
        nn.GELU,
        lambda x: np.array([v * 0.5 * (1 + math.erf(v / math.sqrt(2))) for v in x.flat]).reshape(x.shape),
    ),
    "gelu tanh": (
        lambda: nn.GELU("tanh"),
        lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    ),
    "silu": (nn.SiLU, lambda x: x / (1 + np.exp(-x))),
    "softplus": (lambda: nn.Softplus(2.0), lambda x: np.log1p(np.exp(2 * x)) / 2),
    "sigmoid": (nn.Sigmoid, lambda x: 1 / (1 + np.exp(-x))),
    "tanh": (nn.Tanh, lambda x: np.tanh(x)),
    "softmax": (lambda: nn.Softmax(-1), softmax),
    "log_softmax": (lambda: nn.LogSoftmax(-1), lambda x: np.log(softmax(x))),
    "flatten": (nn.Flatten, lambda x: x.reshape(len(x), -1)),
}


@pytest.mark.parametrize(("make", "reference"), ACTIVATIONS.values(), ids=ACTIVATIONS.keys())
def test_activations(make: Callable[[], nn.Module], reference: Callable[[Any], Any]) -> None:
    x = RNG.standard_normal((2, 3, 4)) * 2
    np.testing.assert_allclose(run_layer(make(), x)[0], reference(x), rtol=1e-9)


def test_activations_by_name() -> None:
    x = RNG.standard_normal((2, 4))
    y, p = run_layer(nn.FeedForward(4, 8, activation=nn.ReLU(), bias=False, dtype="float64"), x)
    np.testing.assert_allclose(y, np.maximum(x @ p["linear1.weight"].T, 0) @ p["linear2.weight"].T)
    with pytest.raises(AsgError, match='no activation "gelo"; did you mean "gelu"'):
        nn.FeedForward(4, 8, activation="gelo")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Linear(0, 3), "at least 1"),
        (lambda: nn.Embedding(3, 0), "at least 1"),
        (lambda: nn.Embedding(3, 2, 3), "padding_idx is 3; a row from -3 to 2 is needed"),
        (lambda: nn.Dropout(1.5), "probability from 0 to 1"),
        (lambda: nn.MultiHeadAttention(6, 4), "embed_dim 6 is not a multiple of num_heads 4"),
        (lambda: nn.TransformerBlock(6, 0, 8), "multiple of num_heads 0"),
    ],
)
def test_layers_that_cannot_be(make: Callable[[], nn.Module], message: str) -> None:
    with pytest.raises(AsgError, match=message):
        make()


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_losses(reduction: Any) -> None:
    prediction, target = RNG.standard_normal((3, 4)), RNG.standard_normal((3, 4))
    classes = np.array([3, 0, 1])
    with asg.graph() as g:
        p, t = asg.input("p", (3, 4), "float64"), asg.input("t", (3, 4), "float64")
        c = asg.input("c", (3,), "int64")
        g.output(
            mse=losses.mse(p, t, reduction=reduction),
            entropy=losses.cross_entropy(p, c, reduction=reduction),
            soft=losses.cross_entropy(p, asg.softmax(t), reduction=reduction),
        )
    found = asg_executor.run(g.document(), {"p": prediction, "t": target, "c": classes})
    logs = np.log(softmax(prediction))

    def reduce(x: Any) -> Any:
        return x if reduction == "none" else getattr(x, reduction)()

    np.testing.assert_allclose(found["mse"], reduce((prediction - target) ** 2))
    np.testing.assert_allclose(found["entropy"], reduce(-logs[np.arange(3), classes]))
    np.testing.assert_allclose(found["soft"], reduce(-(softmax(target) * logs).sum(-1)))


def test_what_losses_refuse() -> None:
    with asg.graph():
        x, y = asg.input("x", ("n", 1)), asg.input("y", ("n",))
        with pytest.raises(AsgError, match="differ in shape"):
            losses.mse(x, y)
        with pytest.raises(AsgError, match='no reduction "average"'):
            losses.mse(x, x, reduction="average")  # pyright: ignore[reportArgumentType] - wrong on purpose
