"""`TransformerDecoderBlock`: self-attention, attention to an encoder's result, and a feed-forward network."""

from typing_extensions import override

from asg_builder.arguments import DTypeLike
from asg_builder.nn.activations import Activation, activation_function
from asg_builder.nn.dropout import Dropout
from asg_builder.nn.layer_norm import LayerNorm
from asg_builder.nn.linear import Linear
from asg_builder.nn.module import Module
from asg_builder.nn.multi_head_attention import MultiHeadAttention
from asg_builder.tensor import Tensor

__all__ = ["TransformerDecoderBlock"]


class TransformerDecoderBlock(Module):
    """A pre-LN decoder block for a model with an encoder.

    x = x + dropout1(self_attn(norm1(x))), x = x + dropout2(multihead_attn(norm2(x), memory)) and
    x = x + dropout3(linear2(dropout(activation(linear1(norm3(x)))))). With `norm_first=False` each normalisation comes
    after its sum, x = norm1(x + dropout1(self_attn(x))) and so on. It is
    `torch.nn.TransformerDecoderLayer(embed_dim, num_heads, ff_dim, dropout, activation, norm_first=norm_first,
    batch_first=True)`, whose own `norm_first` is False where it is not given, with the same names of parameters: those
    of `self_attn` and `multihead_attn` (each a `MultiHeadAttention`), `linear1` (embed_dim to ff_dim), `linear2`
    (ff_dim to embed_dim), `norm1`, `norm2`, `norm3`.

    Args:
        embed_dim: the size of the last axis; a multiple of `num_heads`.
        num_heads: the number of attention heads.
        ff_dim: the size within the feed-forward network.
        activation: that of the feed-forward network, by name or as a function or module.
        causal: whether a position of the target attends only to itself and those before it.
        dropout: the probability of dropping, while training, of attention weights, within the feed-forward network, and
            of the three branches' results.
        layer_norm_eps: added to the variances by the normalisations.
        norm_first: whether each normalisation comes before its branch, and not after the sum.
        bias: whether the linear maps and normalisations have one.
        dtype: the dtype of the parameters, and of the inputs.
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
        dtype: DTypeLike = "float32",
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.self_attn = MultiHeadAttention(embed_dim, num_heads, dropout, bias, causal=causal, dtype=dtype)
        self.multihead_attn = MultiHeadAttention(embed_dim, num_heads, dropout, bias, dtype=dtype)
        self.norm_first = norm_first
        self.activation = activation_function(activation)
        self.linear1 = Linear(embed_dim, ff_dim, bias, dtype=dtype)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(ff_dim, embed_dim, bias, dtype=dtype)
        self.norm1, self.norm2, self.norm3 = (
            LayerNorm(embed_dim, layer_norm_eps, bias=bias, dtype=dtype) for _ in range(3)
        )
        self.dropout1, self.dropout2, self.dropout3 = (Dropout(dropout) for _ in range(3))

    @override
    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
    ) -> Tensor:
        """[…, L, embed_dim] to the same shape; in the masks a bool is True where attention is refused.

        Args:
            tgt: the target's sequence.
            memory: […, S, embed_dim], the encoder's result.
            tgt_mask: the `attn_mask` of the self-attention, such as [L, L].
            memory_mask: that of the attention to `memory`, such as [L, S].
            tgt_key_padding_mask: […, L], True for padding of the target.
            memory_key_padding_mask: […, S], True for padding of `memory`.
        """
        if self.norm_first:
            x = tgt + self._attend(self.norm1(tgt), tgt_mask, tgt_key_padding_mask)
            x = x + self._attend_to(memory, self.norm2(x), memory_mask, memory_key_padding_mask)
            return x + self._feed_forward(self.norm3(x))
        x = self.norm1(tgt + self._attend(tgt, tgt_mask, tgt_key_padding_mask))
        x = self.norm2(x + self._attend_to(memory, x, memory_mask, memory_key_padding_mask))
        return self.norm3(x + self._feed_forward(x))

    def _attend(self, x: Tensor, mask: Tensor | None, padding: Tensor | None) -> Tensor:
        return self.dropout1(self.self_attn(x, None, None, padding, attn_mask=mask))

    def _attend_to(self, memory: Tensor, x: Tensor, mask: Tensor | None, padding: Tensor | None) -> Tensor:
        return self.dropout2(self.multihead_attn(x, memory, None, padding, attn_mask=mask))

    def _feed_forward(self, x: Tensor) -> Tensor:
        return self.dropout3(self.linear2(self.dropout(self.activation(self.linear1(x)))))
