"""`TransformerBlock`: self-attention and a feed-forward network, each behind a normalisation and beside a residual."""

from typing_extensions import override

from asg_builder.arguments import DTypeLike
from asg_builder.nn.activations import Activation, activation_function
from asg_builder.nn.alibi import ALiBi
from asg_builder.nn.dropout import Dropout
from asg_builder.nn.layer_norm import LayerNorm
from asg_builder.nn.linear import Linear
from asg_builder.nn.module import Module
from asg_builder.nn.multi_head_attention import MultiHeadAttention
from asg_builder.nn.rotary_embedding import RotaryEmbedding
from asg_builder.tensor import Tensor

__all__ = ["TransformerBlock"]


class TransformerBlock(Module):
    """A pre-LN encoder block (Xiong et al., "On layer normalization in the transformer architecture", 2020).

    x = x + dropout1(self_attn(norm1(x))), then x = x + dropout2(linear2(dropout(activation(linear1(norm2(x)))))). With
    `norm_first=False` each normalisation comes after its sum, as in the first transformer (Vaswani et al., 2017):
    x = norm1(x + dropout1(self_attn(x))), then x = norm2(x + dropout2(linear2(dropout(activation(linear1(x)))))).

    It is `torch.nn.TransformerEncoderLayer(embed_dim, num_heads, ff_dim, dropout, activation, norm_first=norm_first,
    batch_first=True)`, whose own `norm_first` is False where it is not given, with the same names of parameters: those
    of `self_attn` (a `MultiHeadAttention`), `linear1` (embed_dim to ff_dim), `linear2` (ff_dim to embed_dim), `norm1`
    and `norm2`. With `causal` it is a decoder block of a model without an encoder, such as GPT.

    Args:
        embed_dim: the size of the last axis; a multiple of `num_heads`.
        num_heads: the number of attention heads.
        ff_dim: the size within the feed-forward network.
        activation: that of the feed-forward network, by name or as a function or module.
        causal: whether a position attends only to itself and those before it.
        dropout: the probability of dropping, while training, of attention weights, within the feed-forward network, and
            of both branches' results.
        layer_norm_eps: added to the variances by the normalisations.
        norm_first: whether each normalisation comes before its branch, and not after the sum.
        bias: whether the linear maps and normalisations have one.
        num_kv_heads: the number of heads of keys and values; absent: `num_heads`.
        rotary: turns queries and keys by their positions.
        alibi: lowers the scores of distant keys.
        dtype: the dtype of the parameters, and of the input.
        name: the name, if it is a root module.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        ff_dim: int,
        *,
        activation: Activation = "gelu",
        causal: bool = False,
        dropout: float = 0.0,
        layer_norm_eps: float = 1e-5,
        norm_first: bool = True,
        bias: bool = True,
        num_kv_heads: int | None = None,
        rotary: RotaryEmbedding | None = None,
        alibi: ALiBi | None = None,
        dtype: DTypeLike = "float32",
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.self_attn = MultiHeadAttention(
            embed_dim,
            num_heads,
            dropout,
            bias,
            num_kv_heads=num_kv_heads,
            causal=causal,
            rotary=rotary,
            alibi=alibi,
            dtype=dtype,
        )
        self.norm_first = norm_first
        self.activation = activation_function(activation)
        self.linear1 = Linear(embed_dim, ff_dim, bias, dtype=dtype)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(ff_dim, embed_dim, bias, dtype=dtype)
        self.norm1 = LayerNorm(embed_dim, layer_norm_eps, bias=bias, dtype=dtype)
        self.norm2 = LayerNorm(embed_dim, layer_norm_eps, bias=bias, dtype=dtype)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)

    @override
    def forward(
        self, src: Tensor, src_mask: Tensor | None = None, src_key_padding_mask: Tensor | None = None
    ) -> Tensor:
        """[…, L, embed_dim] to the same shape, for any leading axes and any length of the sequence.

        Args:
            src: the sequence.
            src_mask: the `attn_mask` of `MultiHeadAttention`: a bool is True where attention is refused.
            src_key_padding_mask: […, L], the `key_padding_mask` of `MultiHeadAttention`: a bool is True for padding.
        """
        if self.norm_first:
            x = src + self._attend(self.norm1(src), src_mask, src_key_padding_mask)
            return x + self._feed_forward(self.norm2(x))
        x = self.norm1(src + self._attend(src, src_mask, src_key_padding_mask))
        return self.norm2(x + self._feed_forward(x))

    def _attend(self, x: Tensor, mask: Tensor | None, padding: Tensor | None) -> Tensor:
        return self.dropout1(self.self_attn(x, None, None, padding, attn_mask=mask))

    def _feed_forward(self, x: Tensor) -> Tensor:
        return self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x)))))
