"""Attention and transformer blocks beside PyTorch's, under the same names of parameters."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import asg_builder as asg
import asg_executor
from asg_builder import nn as asg_nn
from op_samples.sample import Array
from parity.derivatives import assert_same, fixed_arrays
from parity.layer_comparison import compare_layers, compare_names, randomize

_DOUBLE: dict[str, Any] = {"batch_first": True, "dtype": torch.float64}


def attend(module: nn.MultiheadAttention, *inputs: torch.Tensor, **masks: torch.Tensor) -> torch.Tensor:
    """The output alone, of one input as of three equal ones."""
    query, key, value = inputs * 3 if len(inputs) == 1 else inputs
    return module(query, key, value, need_weights=False, **masks)[0]


def attend_to_memory(module: nn.MultiheadAttention, query: torch.Tensor, memory: torch.Tensor) -> torch.Tensor:
    return module(query, memory, memory, need_weights=False)[0]


def refused(*shape: int) -> Array:
    """A mask that refuses some, but never the first key."""
    mask = np.random.default_rng(2).random(shape) < 0.4
    mask[..., 0] = False
    return mask


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(4, 7, 6), (1, 1, 6)])
def test_self_attention(shape: tuple[int, ...], bias: bool) -> None:
    module = randomize(nn.MultiheadAttention(6, 2, bias=bias, **_DOUBLE))
    layer = asg_nn.MultiHeadAttention(6, 2, bias=bias, dtype="float64", name="")
    compare_layers(layer, module, fixed_arrays([shape], 1), shapes=[("batch", "length", 6)], outcome=attend)


def test_self_attention_of_a_given_key_and_value_is_the_same() -> None:
    module = randomize(nn.MultiheadAttention(6, 3, **_DOUBLE))
    layer = asg_nn.MultiHeadAttention(6, 3, dtype="float64", name="")
    compare_layers(layer, module, fixed_arrays([(2, 5, 6)] * 3, 1), outcome=attend)


@pytest.mark.parametrize("bias", [True, False])
def test_attention_to_a_memory(bias: bool) -> None:
    module = randomize(nn.MultiheadAttention(6, 2, bias=bias, **_DOUBLE))
    layer = asg_nn.MultiHeadAttention(6, 2, bias=bias, dtype="float64", name="")
    arrays = fixed_arrays([(3, 4, 6), (3, 7, 6)], 1)
    compare_layers(layer, module, arrays, outcome=attend_to_memory)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("kdim", "vdim"), [(5, 9), (6, 9), (5, 6)])
def test_keys_and_values_of_other_sizes(kdim: int, vdim: int, bias: bool) -> None:
    module = randomize(nn.MultiheadAttention(6, 2, bias=bias, kdim=kdim, vdim=vdim, **_DOUBLE))
    layer = asg_nn.MultiHeadAttention(6, 2, bias=bias, kdim=kdim, vdim=vdim, dtype="float64", name="")
    compare_layers(layer, module, fixed_arrays([(3, 4, 6), (3, 7, kdim), (3, 7, vdim)], 1), outcome=attend)


_PADDING = np.array([[False] * 7, [False] * 4 + [True] * 3, [False] + [True] * 6, [False, True] * 3 + [False]])


@pytest.mark.parametrize("kind", ["bool", "float"])
@pytest.mark.parametrize("names", [["attn_mask"], ["key_padding_mask"], ["attn_mask", "key_padding_mask"]])
def test_masks(names: list[str], kind: str) -> None:
    module = randomize(nn.MultiheadAttention(6, 2, **_DOUBLE))
    layer = asg_nn.MultiHeadAttention(6, 2, dtype="float64", name="")
    masks: dict[str, Array] = {"attn_mask": refused(7, 7), "key_padding_mask": _PADDING}
    if kind == "float":
        masks = {name: np.where(mask, -math.inf, 0.3) for name, mask in masks.items()}
        masks["attn_mask"][2, 1] = 1.5
    chosen = {name: masks[name] for name in names}
    compare_layers(layer, module, fixed_arrays([(4, 7, 6)], 1), arguments=chosen, outcome=attend)


def test_a_bool_and_a_float_mask_together() -> None:
    module = randomize(nn.MultiheadAttention(6, 2, **_DOUBLE))
    layer = asg_nn.MultiHeadAttention(6, 2, dtype="float64", name="")
    (bias,) = fixed_arrays([(7, 7)], 6)
    theirs = {"attn_mask": torch.tensor(bias), "key_padding_mask": torch.tensor(np.where(_PADDING, -math.inf, 0.0))}
    ours = {"attn_mask": bias, "key_padding_mask": _PADDING}
    compare_layers(layer, module, fixed_arrays([(4, 7, 6)], 1), arguments=ours, their_arguments=theirs, outcome=attend)


def test_a_mask_for_each_head() -> None:
    # PyTorch wants one axis for batch and heads; here they are two.
    module = randomize(nn.MultiheadAttention(6, 2, **_DOUBLE))
    layer = asg_nn.MultiHeadAttention(6, 2, dtype="float64", name="")
    mask = refused(4, 2, 7, 7)
    compare_layers(
        layer,
        module,
        fixed_arrays([(4, 7, 6)], 1),
        arguments={"attn_mask": mask},
        their_arguments={"attn_mask": torch.tensor(mask.reshape(8, 7, 7))},
        outcome=attend,
    )


def test_a_mask_for_each_sequence() -> None:
    module = randomize(nn.MultiheadAttention(6, 2, **_DOUBLE))
    layer = asg_nn.MultiHeadAttention(6, 2, dtype="float64", name="")
    mask = refused(4, 7, 7)
    compare_layers(
        layer,
        module,
        fixed_arrays([(4, 7, 6)], 1),
        arguments={"attn_mask": mask},
        their_arguments={"attn_mask": torch.tensor(mask.repeat(2, axis=0))},
        outcome=attend,
    )


@pytest.mark.parametrize("padded", [False, True])
def test_causal_attention(padded: bool) -> None:
    module = randomize(nn.MultiheadAttention(6, 2, **_DOUBLE))
    layer = asg_nn.MultiHeadAttention(6, 2, causal=True, dtype="float64", name="")
    ours = {"key_padding_mask": _PADDING} if padded else {}
    theirs = {name: torch.tensor(mask) for name, mask in ours.items()}
    theirs["attn_mask"] = torch.tensor(~np.tri(7, dtype=np.bool_))
    compare_layers(layer, module, fixed_arrays([(4, 7, 6)], 1), arguments=ours, their_arguments=theirs, outcome=attend)


class GroupedQuery(nn.Module):
    """Grouped-query attention by PyTorch's own function, whose parameters have the names of its layer."""

    def __init__(self, kv_heads: int, mask: Array | None = None) -> None:
        super().__init__()
        width = 2 * kv_heads
        self.kv_heads, self.mask = kv_heads, mask
        self.q_proj_weight, self.k_proj_weight, self.v_proj_weight = (
            nn.Parameter(torch.empty(rows, 8, dtype=torch.float64)) for rows in (8, width, width)
        )
        self.in_proj_bias = nn.Parameter(torch.empty(8 + 2 * width, dtype=torch.float64))
        self.out_proj = nn.Linear(8, 8, dtype=torch.float64)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight = torch.cat([self.q_proj_weight, self.k_proj_weight, self.v_proj_weight])
        width = 2 * self.kv_heads
        parts = nn.functional.linear(x, weight, self.in_proj_bias).split([8, width, width], -1)
        q, k, v = (part.unflatten(-1, (-1, 2)).transpose(-3, -2) for part in parts)
        allowed = None if self.mask is None else ~torch.tensor(self.mask)
        y = nn.functional.scaled_dot_product_attention(q, k, v, allowed, is_causal=allowed is None, enable_gqa=True)
        return self.out_proj(y.transpose(-3, -2).flatten(-2))


@pytest.mark.parametrize("kv_heads", [1, 2])
@pytest.mark.parametrize("masked", [False, True])
def test_grouped_query_attention(kv_heads: int, masked: bool) -> None:
    mask = refused(3, 4, 5, 5) if masked else None
    module = randomize(GroupedQuery(kv_heads, mask))
    layer = asg_nn.MultiHeadAttention(8, 4, num_kv_heads=kv_heads, causal=not masked, dtype="float64", name="")
    arguments = {} if mask is None else {"attn_mask": mask}
    compare_layers(layer, module, fixed_arrays([(3, 5, 8)], 1), arguments=arguments, their_arguments={})


@pytest.mark.parametrize("activation", ["gelu", "relu"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(1, 1, 4), (4, 7, 4)])
def test_encoder_block(shape: tuple[int, ...], bias: bool, activation: str) -> None:
    options: dict[str, Any] = {"activation": activation, "bias": bias, "layer_norm_eps": 1e-3, "dropout": 0.0}
    module = randomize(nn.TransformerEncoderLayer(4, 2, 16, norm_first=True, **options, **_DOUBLE))
    layer = asg_nn.TransformerBlock(4, 2, 16, **options, dtype="float64", name="")
    compare_layers(layer, module, fixed_arrays([shape], 1), shapes=[("batch", "length", 4)], tolerance=1e-10)


@pytest.mark.parametrize("causal", [False, True])
def test_encoder_block_with_masks(causal: bool) -> None:
    module = randomize(nn.TransformerEncoderLayer(4, 2, 16, dropout=0.0, norm_first=True, **_DOUBLE)).train()
    layer = asg_nn.TransformerBlock(4, 2, 16, activation="relu", causal=causal, dtype="float64", name="")
    mask = ~np.tri(7, dtype=np.bool_) if causal else refused(7, 7)
    ours = {"src_key_padding_mask": _PADDING} if causal else {"src_key_padding_mask": _PADDING, "src_mask": mask}
    theirs = {"src_key_padding_mask": torch.tensor(_PADDING), "src_mask": torch.tensor(mask)}
    compare_layers(layer, module, fixed_arrays([(4, 7, 4)], 1), arguments=ours, their_arguments=theirs, tolerance=1e-10)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("bias", [True, False])
def test_decoder_block(bias: bool, masked: bool) -> None:
    options: dict[str, Any] = {"activation": "gelu", "bias": bias, "layer_norm_eps": 1e-3, "dropout": 0.0}
    module = randomize(nn.TransformerDecoderLayer(4, 2, 16, norm_first=True, **options, **_DOUBLE))
    layer = asg_nn.TransformerDecoderBlock(4, 2, 16, causal=masked, **options, dtype="float64", name="")
    ours: dict[str, Array] = {}
    theirs: dict[str, torch.Tensor] = {}
    if masked:
        ours = {
            "memory_mask": refused(5, 7),
            "tgt_key_padding_mask": _PADDING[:, :5],
            "memory_key_padding_mask": _PADDING,
        }
        theirs = {name: torch.tensor(mask) for name, mask in ours.items()}
        theirs["tgt_mask"] = torch.tensor(~np.tri(5, dtype=np.bool_))
    arrays = fixed_arrays([(4, 5, 4), (4, 7, 4)], 1)
    compare_layers(layer, module, arrays, arguments=ours, their_arguments=theirs, tolerance=1e-10)


def test_blocks_that_normalise_last() -> None:
    options: dict[str, Any] = {"activation": "relu", "norm_first": False, "dropout": 0.0}
    module: nn.Module = randomize(nn.TransformerEncoderLayer(4, 2, 16, **options, **_DOUBLE))
    layer: asg_nn.Module = asg_nn.TransformerBlock(4, 2, 16, **options, dtype="float64", name="")
    masks = {"src_key_padding_mask": _PADDING}
    compare_layers(layer, module, fixed_arrays([(4, 7, 4)], 1), arguments=masks, tolerance=1e-10)
    module = randomize(nn.TransformerDecoderLayer(4, 2, 16, **options, **_DOUBLE))
    layer = asg_nn.TransformerDecoderBlock(4, 2, 16, **options, dtype="float64", name="")
    masks = {"memory_key_padding_mask": _PADDING}
    compare_layers(layer, module, fixed_arrays([(4, 5, 4), (4, 7, 4)], 1), arguments=masks, tolerance=1e-10)


def test_first_values_of_attention_have_pytorchs_distribution() -> None:
    ours = asg_nn.MultiHeadAttention(64, 4, name="")
    with asg.graph() as g:
        g.output(y=ours(asg.input("x", ("length", 64))))
    found = asg_executor.Session({"predict": g.document()}, seed=1).parameters()
    torch.manual_seed(0)
    module = nn.MultiheadAttention(64, 4, batch_first=True)
    compare_names(ours, module)
    for name, value in module.state_dict().items():
        theirs = value.numpy()
        assert np.abs(found[name]).max() == pytest.approx(np.abs(theirs).max(), rel=2e-3), name
        assert found[name].std() == pytest.approx(theirs.std(), rel=3e-2), name


def test_dropped_attention_weights_have_the_mean_of_all() -> None:
    # With the same p; PyTorch draws other numbers, so the means over many draws are compared.
    torch.manual_seed(0)
    module = randomize(nn.MultiheadAttention(4, 2, dropout=0.3, **_DOUBLE))
    layer = asg_nn.MultiHeadAttention(4, 2, dropout=0.3, dtype="float64", name="")
    compare_names(layer, module)
    draws = 4000
    (x,) = fixed_arrays([(1, 5, 4)], 1)
    x = np.repeat(x, draws, axis=0)
    with asg.graph() as g:
        g.output(y=layer(asg.input("x", ("batch", 5, 4), "float64")))
    state = {name: value.detach().numpy() for name, value in module.state_dict().items()}
    ours = asg_executor.run(g.document(), {"x": x, "rng_key": np.array([3, 4], np.uint32)}, state)["y"]
    theirs = attend(module.train(), torch.tensor(x)).detach().numpy()
    error = 6 * theirs.std(0) / math.sqrt(draws)
    assert np.all(np.abs(ours.mean(0) - theirs.mean(0)) < 2 * error)
    np.testing.assert_allclose(ours.std(0), theirs.std(0), rtol=0.15)
    assert_same(ours.mean(0), attend(module.eval(), torch.tensor(x[:1])).detach().numpy()[0], "mean", 0.05)
