"""Attention, its masks, and positions, against formulas."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import asg_builder as asg
import asg_executor
from asg_autograd import grad
from asg_builder import nn
from asg_schema import AsgError
from builder_harness.layers import run_layer

RNG = np.random.default_rng(11)
MASK = np.array([[True, True, True], [False, True, False], [False, False, False]])
"""Query 0 may attend to nothing."""


def masked(layer: nn.Module) -> Callable[[asg.Tensor, asg.Tensor], asg.Tensor]:
    """Attention of a sequence with a mask."""
    return lambda x, mask: layer(x, attn_mask=mask)


def test_self_attention_is_one_product() -> None:
    with asg.graph() as g:
        nn.MultiHeadAttention(6, 2)(asg.input("x", ("batch", "length", 6)))
    assert [node.name for node in g.nodes].count("linear") == 2


def test_the_layer_and_the_op_have_opposite_masks() -> None:
    x = RNG.standard_normal((1, 3, 4))
    layer = nn.MultiHeadAttention(4, 1, dtype="float64")
    y, p = run_layer(masked(layer), x, MASK)
    q, k, v = np.split(x @ p["in_proj_weight"].T + p["in_proj_bias"], 3, axis=-1)
    attended, _ = run_layer(asg.attention, q, k, v, ~MASK)
    np.testing.assert_allclose(y, attended @ p["out_proj.weight"].T + p["out_proj.bias"])


@pytest.mark.parametrize("dropout", [0.0, 1e-9])
@pytest.mark.parametrize("kind", ["bool", "float"])
def test_a_query_that_attends_to_nothing(kind: str, dropout: float) -> None:
    x = RNG.standard_normal((2, 3, 4))
    mask = MASK if kind == "bool" else np.where(MASK, -np.inf, 0.0)
    layer = nn.MultiHeadAttention(4, 2, dropout, dtype="float64", name="layer")
    y, p = run_layer(masked(layer), x, mask)
    np.testing.assert_allclose(y[:, 0], np.broadcast_to(p["out_proj.bias"], (2, 4)), rtol=1e-12)
    assert np.abs(y[:, 1:] - p["out_proj.bias"]).min() > 1e-6
    with asg.graph() as g:
        given, refused = asg.input("x", (2, 3, 4), "float64"), asg.input("mask", (3, 3), mask.dtype)
        g.output(loss=asg.sum(layer(given, attn_mask=refused)))
    inputs: dict[str, Any] = {"x": x, "mask": mask}
    if dropout:
        inputs["rng_key"] = np.array([1, 2], np.uint32)
    values = {f"layer.{name}": value for name, value in p.items()}
    found = asg_executor.run(grad(g.document(), of="loss", wrt=["x", *values]), inputs, values)
    assert all(np.isfinite(value).all() for value in found.values())


def test_dropout_of_attention_weights_is_for_training_only() -> None:
    x = RNG.standard_normal((2, 5, 4))
    layer = nn.MultiHeadAttention(4, 2, 0.5, causal=True, dtype="float64", name="layer")
    plain = nn.MultiHeadAttention(4, 2, causal=True, dtype="float64", name="layer")
    trained, p = run_layer(layer, x)
    evaluated, _ = run_layer(layer.eval(), x, parameters=p)
    expected, _ = run_layer(plain, x, parameters=p)
    np.testing.assert_array_equal(evaluated, expected)
    # The first position attends to itself alone: its weight is 1, and so 0 or 2 when it is dropped at random.
    bias = p["out_proj.bias"]
    value = (x @ p["in_proj_weight"].T + p["in_proj_bias"])[:, 0, 8:]
    heads = [
        value * np.repeat(scales, 2) @ p["out_proj.weight"].T + bias for scales in ((0, 0), (0, 2), (2, 0), (2, 2))
    ]
    for sequence in range(2):
        assert any(np.allclose(trained[sequence, 0], head[sequence]) for head in heads)
    assert np.abs(trained - evaluated).max() > 0.01


def test_dropped_weights_without_a_mask_agree_with_attention_where_nothing_is_dropped() -> None:
    x = RNG.standard_normal((2, 5, 8))
    for causal in (False, True):
        plain = nn.MultiHeadAttention(8, 4, num_kv_heads=2, causal=causal, dtype="float64", name="layer")
        dropping = nn.MultiHeadAttention(8, 4, 1e-12, num_kv_heads=2, causal=causal, dtype="float64", name="layer")
        y, p = run_layer(plain, x)
        np.testing.assert_allclose(run_layer(dropping, x, parameters=p)[0], y, rtol=1e-10)


@pytest.mark.parametrize("shape", [(4, 5, 5), (1, 5, 5), (2, 4, 5, 5), (2, 1, 1, 5), (5, 5)])
def test_masks_of_grouped_heads(shape: tuple[int, ...]) -> None:
    # Each head of queries by itself, with the head of keys and values that it shares.
    x = RNG.standard_normal((2, 5, 8))
    mask = RNG.random(shape) < 0.5
    mask[..., 0] = False
    layer = nn.MultiHeadAttention(8, 4, num_kv_heads=2, dtype="float64")
    if len(shape) == 3:  # a mask of the query's rank is one for each sequence
        mask = mask[:2] if shape[0] > 1 else mask
    y, p = run_layer(masked(layer), x, mask)
    full = np.broadcast_to(mask[:, None] if mask.ndim == 3 else mask, (2, 4, 5, 5))
    q, k, v = np.split(p["in_proj_bias"], [8, 12])
    q, k, v = (x @ p[f"{name}_proj_weight"].T + bias for name, bias in zip("qkv", (q, k, v), strict=True))
    merged = np.zeros((2, 5, 8))
    for b in range(2):
        for h in range(4):
            own, shared = slice(2 * h, 2 * h + 2), slice(2 * (h // 2), 2 * (h // 2) + 2)
            scores = np.where(full[b, h], -np.inf, q[b, :, own] @ k[b, :, shared].T / math.sqrt(2))
            weights = np.exp(scores - scores.max(-1, keepdims=True))
            merged[b, :, own] = weights / weights.sum(-1, keepdims=True) @ v[b, :, shared]
    np.testing.assert_allclose(y, merged @ p["out_proj.weight"].T + p["out_proj.bias"])


@pytest.mark.parametrize(
    ("heads", "expected"),
    [
        (1, [2**-8]),
        (2, [2**-4, 2**-8]),
        (8, [2.0**-i for i in range(1, 9)]),
        (3, [2**-4, 2**-8, 2**-2]),
        (6, [2**-2, 2**-4, 2**-6, 2**-8, 2**-1, 2**-3]),
        # The authors' code, for the 12 heads of BERT: 8 of 8, then every other one of 16.
        (12, [2.0**-i for i in range(1, 9)] + [2**-0.5, 2**-1.5, 2**-2.5, 2**-3.5]),
    ],
)
def test_slopes_of_alibi(heads: int, expected: list[float]) -> None:
    np.testing.assert_allclose(nn.ALiBi(heads).slopes, expected, rtol=1e-15)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("padded", [False, True])
def test_attention_with_alibi(causal: bool, padded: bool) -> None:
    x = RNG.standard_normal((2, 5, 6))
    padding = np.array([[False] * 5, [False, False, True, False, True]])
    layer = nn.MultiHeadAttention(6, 3, causal=causal, alibi=nn.ALiBi(3), dtype="float64", name="layer")
    plain = nn.MultiHeadAttention(6, 3, dtype="float64", name="layer")

    def attend(x: asg.Tensor, mask: asg.Tensor) -> asg.Tensor:
        return layer(x, None, None, mask if padded else None)

    y, p = run_layer(attend, x, padding)
    bias = np.zeros((2, 3, 5, 5))
    for h, slope in enumerate([2**-4, 2**-8, 2**-2]):
        for i in range(5):
            for j in range(5):
                refused = padding[:, j] & padded | (causal and j > i)
                bias[:, h, i, j] = np.where(refused, -np.inf, -slope * abs(i - j))
    expected, _ = run_layer(masked(plain), x, bias, parameters=p)
    np.testing.assert_allclose(y, expected, rtol=1e-12)


def test_alibi_of_a_sequence_of_any_length() -> None:
    x = RNG.standard_normal((2, 5, 6)).astype(np.float32)
    layer = nn.TransformerBlock(6, 3, 8, alibi=nn.ALiBi(3), causal=True)
    y, p = run_layer(layer, x, symbolic=True)
    np.testing.assert_allclose(run_layer(layer, x, parameters=p)[0], y, rtol=1e-5)


@pytest.mark.parametrize("interleaved", [False, True])
@pytest.mark.parametrize("grouped", [False, True])
def test_attention_with_rotary_positions(grouped: bool, interleaved: bool) -> None:
    # Pairs as complex numbers, each query and key turned by its position.
    x = RNG.standard_normal((2, 5, 16))
    kv_heads = 2 if grouped else 4
    rotary = nn.RotaryEmbedding(100.0, interleaved)
    layer = nn.MultiHeadAttention(16, 4, num_kv_heads=kv_heads, rotary=rotary, causal=True, dtype="float64")
    y, p = run_layer(layer, x, symbolic=True)
    sizes = [16, 16 + 4 * kv_heads]
    weights = [p[f"{name}_proj_weight"] for name in "qkv"] if grouped else np.split(p["in_proj_weight"], 3)
    biases = np.split(p["in_proj_bias"], sizes)
    q, k, v = (x @ weight.T + bias for weight, bias in zip(weights, biases, strict=True))
    turns = np.exp(1j * np.arange(5)[:, None] * np.array([1.0, 0.1]))

    def turned(head: Any) -> Any:
        first, second = (head[:, 0::2], head[:, 1::2]) if interleaved else (head[:, :2], head[:, 2:])
        return (first + 1j * second) * turns

    merged = np.zeros((2, 5, 16))
    for b in range(2):
        for h in range(4):
            own = slice(4 * h, 4 * h + 4)
            shared = slice(4 * (h * kv_heads // 4), 4 * (h * kv_heads // 4) + 4)
            scores = (turned(q[b, :, own]) @ turned(k[b, :, shared]).conj().T).real / 2
            scores = np.where(np.tri(5, dtype=np.bool_), scores, -np.inf)
            e = np.exp(scores - scores.max(-1, keepdims=True))
            merged[b, :, own] = e / e.sum(-1, keepdims=True) @ v[b, :, shared]
    np.testing.assert_allclose(y, merged @ p["out_proj.weight"].T + p["out_proj.bias"], rtol=1e-9, atol=1e-12)


def test_blocks_share_one_rotary_embedding() -> None:
    rotary = nn.RotaryEmbedding()
    model = nn.Sequential(*(nn.TransformerBlock(8, 2, 8, rotary=rotary) for _ in range(2)), name="model")
    with asg.graph() as g:
        model(asg.input("x", ("batch", "length", 8)))
    assert [node.name for node in g.nodes].count("rotary_embedding") == 4


@pytest.mark.parametrize("size", [1, 6, 7])
def test_sinusoidal_positions(size: int) -> None:
    x = RNG.standard_normal((2, 9, size))
    expected = x.copy()
    for t in range(9):
        for i in range(size):
            angle = t / 10000 ** (2 * (i // 2) / size)
            expected[:, t, i] += math.sin(angle) if i % 2 == 0 else math.cos(angle)
    y, p = run_layer(nn.SinusoidalPositionalEncoding(size), x, symbolic=True)
    np.testing.assert_allclose(y, expected, rtol=1e-13)
    assert not p


def test_sinusoidal_positions_are_exact_far_out() -> None:
    # sin(100 000) in float32 would be wrong in the second digit were the angle rounded before.
    y, _ = run_layer(nn.SinusoidalPositionalEncoding(4), np.zeros((100_001, 4), np.float32))
    assert y.dtype == np.float32
    np.testing.assert_allclose(y[-1], [math.sin(1e5), math.cos(1e5), math.sin(1e3), math.cos(1e3)], rtol=1e-6)


def test_learned_positions() -> None:
    x = RNG.standard_normal((2, 3, 4))
    y, p = run_layer(nn.LearnedPositionalEncoding(5, 4, dtype="float64"), x, symbolic=True)
    np.testing.assert_allclose(y, x + p["weight"][:3])
    with asg.graph(), pytest.raises(AsgError, match="it has 6 positions, and at most 5 fit"):
        nn.LearnedPositionalEncoding(5, 4)(asg.input("x", (6, 4)))
    with asg.graph() as g:
        g.output(y=nn.LearnedPositionalEncoding(5, 4, name="p")(asg.input("x", ("n", 4))))
    weight = np.zeros((5, 4), np.float32)
    with pytest.raises(AsgError, match="6"):
        asg_executor.run(g.document(), {"x": np.zeros((6, 4), np.float32)}, {"p.weight": weight})


def test_residual() -> None:
    x = RNG.standard_normal((2, 4))
    y, p = run_layer(nn.Residual(nn.Sequential(nn.Linear(4, 4, dtype="float64"), nn.Tanh())), x)
    np.testing.assert_allclose(y, x + np.tanh(x @ p["module.0.weight"].T + p["module.0.bias"]))
    with asg.graph(), pytest.raises(AsgError, match="the same shape is needed"):
        nn.Residual(nn.Linear(4, 1))(asg.input("x", (2, 4)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.MultiHeadAttention(8, 4, num_kv_heads=3), "num_heads 4 is not a multiple of num_kv_heads 3"),
        (lambda: nn.MultiHeadAttention(8, 4, vdim=0), "kdim is 8 and vdim is 0; at least 1 is needed"),
        (lambda: nn.MultiHeadAttention(8, 4, 1.5), "dropout is 1.5; a probability"),
        (lambda: nn.MultiHeadAttention(8, 4, alibi=nn.ALiBi(2)), "alibi is for 2 heads; num_heads is 4"),
        (lambda: nn.MultiHeadAttention(6, 2, rotary=nn.RotaryEmbedding()), "has the size 3; rotary needs an even one"),
        (lambda: nn.RotaryEmbedding(0.0), "base is 0.0; a positive, finite number"),
        (lambda: nn.ALiBi(0), "at least 1 head"),
        (lambda: nn.SinusoidalPositionalEncoding(0), "a size of at least 1"),
        (lambda: nn.SinusoidalPositionalEncoding(4, base=math.inf), "finite base"),
        (lambda: nn.LearnedPositionalEncoding(4, 0), "at least 1"),
    ],
)
def test_layers_that_cannot_be(make: Callable[[], nn.Module], message: str) -> None:
    with pytest.raises(AsgError, match=message):
        make()


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        ({"attn_mask": ((5, 5), "int64")}, "attn_mask is .* a bool, True where attention is refused, or a float32"),
        ({"attn_mask": ((5,), "bool")}, r"a shape \[L, S\], .* is needed"),
        ({"key_padding_mask": ((), "bool")}, r"a shape \[…, S\] is needed"),
        ({"key_padding_mask": ((2, 4), "bool")}, r"broadcasts to \[2, 2, 5, 5\]"),
    ],
)
def test_masks_that_cannot_be(masks: dict[str, tuple[tuple[int, ...], str]], message: str) -> None:
    with asg.graph():
        given = {name: asg.input(name, shape, dtype) for name, (shape, dtype) in masks.items()}
        with pytest.raises(AsgError, match=message):
            nn.MultiHeadAttention(4, 2)(asg.input("x", (2, 5, 4)), **given)


def test_alibi_of_two_sequences_is_refused() -> None:
    with asg.graph(), pytest.raises(AsgError, match="4 queries and 5 keys"):
        nn.MultiHeadAttention(6, 3, alibi=nn.ALiBi(3))(asg.input("x", (2, 4, 6)), asg.input("m", (2, 5, 6)))


def test_positions_refuse_another_size() -> None:
    for layer in (nn.SinusoidalPositionalEncoding(4), nn.LearnedPositionalEncoding(3, 4)):
        with asg.graph(), pytest.raises(AsgError, match=r"a shape \[…, L, 4\] is needed"):
            layer(asg.input("x", (2, 1)))
