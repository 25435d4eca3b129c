"""`TransformerBlock`: attention and a feed-forward network, each behind a normalisation and beside a residual."""

from typing_extensions import override

from asg_builder.arguments import DTypeLike
from asg_builder.nn.activations import Activation
from asg_builder.nn.dropout import Dropout
from asg_builder.nn.feed_forward import FeedForward
from asg_builder.nn.layer_norm import LayerNorm
from asg_builder.nn.module import Module
from asg_builder.nn.multi_head_attention import MultiHeadAttention
from asg_builder.tensor import Tensor

__all__ = ["TransformerBlock"]


class TransformerBlock(Module):
    """A pre-LN transformer block (Xiong et al., "On layer normalization in the transformer architecture", 2020).

    x = x + dropout(attention(norm1(x))), then x = x + dropout(feed_forward(norm2(x))).
    Modules: `norm1`, `attention`, `norm2`, `feed_forward`, `dropout`.

    Args:
        embed_dim: the size of the last axis; a multiple of `num_heads`.
        num_heads: the number of attention heads.
        ff_dim: the size within the feed-forward network.
        activation: that of the feed-forward network, by name or as a function or module.
        causal: whether a position attends only to itself and those before it.
        dropout: the probability of dropping, while training, of both branches' results and within the feed-forward
            network. Attention weights are not dropped.
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
        dtype: DTypeLike = "float32",
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.norm1 = LayerNorm(embed_dim, dtype=dtype)
        self.attention = MultiHeadAttention(embed_dim, num_heads, causal=causal, dtype=dtype)
        self.norm2 = LayerNorm(embed_dim, dtype=dtype)
        self.feed_forward = FeedForward(embed_dim, ff_dim, activation=activation, dropout=dropout, dtype=dtype)
        self.dropout = Dropout(dropout)

    @override
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """[…, sequence, embed_dim] to the same shape, for any leading axes and any length of the sequence.

        Args:
            x: the sequence.
            mask: as `MultiHeadAttention` takes it.
        """
        x = x + self.dropout(self.attention(self.norm1(x), mask=mask))
        return x + self.dropout(self.feed_forward(self.norm2(x)))
