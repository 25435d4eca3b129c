"""`MultiHeadAttention`: attention in several heads at once."""

from typing_extensions import override

from asg_builder.arguments import DTypeLike
from asg_builder.functions.contraction import attention, linear
from asg_builder.functions.layout import permute_dims, reshape, split
from asg_builder.nn.alibi import ALiBi
from asg_builder.nn.attention_dropout import attention_with_dropout
from asg_builder.nn.attention_masks import attention_mask
from asg_builder.nn.linear import Linear
from asg_builder.nn.module import Module
from asg_builder.nn.parameter import Parameter
from asg_builder.nn.rotary_embedding import RotaryEmbedding
from asg_builder.tensor import Tensor
from asg_schema.errors import AsgError
from asg_schema.initializers import XavierUniform, Zeros

__all__ = ["MultiHeadAttention"]


class MultiHeadAttention(Module):
    """softmax(q @ kᵀ / √head_dim) @ v in each of several heads, as `torch.nn.MultiheadAttention`.

    A head has the size head_dim = embed_dim / num_heads; q, k and v are projections of query, key and value. The heads'
    results, side by side, are projected once more (Vaswani et al., "Attention is all you need", 2017). Axes are in the
    order that PyTorch calls `batch_first`, and the result is the output alone, without the weights.

    With `num_kv_heads` less than `num_heads` each head of keys and values serves `num_heads / num_kv_heads` heads of
    queries that follow each other (grouped-query attention: Ainslie et al., 2023; with one, multi-query attention).

    Parameters, with E = `embed_dim` and K = `num_kv_heads · head_dim`:

    - where query, key and value have the size E, and K = E: `in_proj_weight` [3E, E], the projections of query, key and
      value one below the other; a self-attention is one product with it. Else `q_proj_weight` [E, E], `k_proj_weight`
      [K, kdim] and `v_proj_weight` [K, vdim]. All are Xavier-uniform at first.
    - `in_proj_bias` [E + 2K], zeros at first; `out_proj.weight` [E, E] as in `Linear`; `out_proj.bias` [E], zeros.

    Args:
        embed_dim: the size of the query's last axis, and of the result's; a multiple of `num_heads`.
        num_heads: the number of heads.
        dropout: the probability with which an attention weight is dropped while training.
        bias: whether the projections have one.
        kdim: the size of the key's last axis; absent: `embed_dim`.
        vdim: the size of the value's last axis; absent: `embed_dim`.
        num_kv_heads: the number of heads of keys and values, which divides `num_heads`; absent: `num_heads`.
        causal: whether the query at position i attends only to the keys 0 to i.
        rotary: turns queries and keys by their positions; head_dim is even then.
        alibi: lowers the scores of distant keys; for self-attention.
        dtype: the dtype of the parameters, and of the inputs.
        name: the name, if it is a root module.

    Raises:
        AsgError: `num_heads` does not divide `embed_dim`, `num_kv_heads` not `num_heads`; `dropout` is no probability;
            a head has an odd size with `rotary`; or `alibi` is for another number of heads.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        *,
        kdim: int | None = None,
        vdim: int | None = None,
        num_kv_heads: int | None = None,
        causal: bool = False,
        rotary: RotaryEmbedding | None = None,
        alibi: ALiBi | None = None,
        dtype: DTypeLike = "float32",
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        num_kv_heads = num_heads if num_kv_heads is None else num_kv_heads
        kdim, vdim = (embed_dim if size is None else size for size in (kdim, vdim))
        _check_sizes(embed_dim, num_heads, num_kv_heads, (kdim, vdim))
        _check_positions(embed_dim // num_heads, num_heads, rotary, alibi)
        if not 0 <= dropout <= 1:
            raise AsgError(f"MultiHeadAttention: dropout is {dropout}; a probability from 0 to 1 is needed")
        self.embed_dim = embed_dim
        self.num_heads = num_heads
        self.num_kv_heads = num_kv_heads
        self.head_dim = embed_dim // num_heads
        self.dropout = dropout
        self.causal = causal
        self.rotary = rotary
        self.alibi = alibi
        kept = num_kv_heads * self.head_dim
        self._sizes = (embed_dim, kept, kept)
        packed = kdim == vdim == kept == embed_dim
        shapes = [(embed_dim, embed_dim), (kept, kdim), (kept, vdim)]
        self.in_proj_weight = _xavier((3 * embed_dim, embed_dim), dtype) if packed else None
        self.q_proj_weight, self.k_proj_weight, self.v_proj_weight = (
            None if packed else _xavier(shape, dtype) for shape in shapes
        )
        self.in_proj_bias = Parameter((sum(self._sizes),), dtype=dtype) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias, dtype=dtype)
        if self.out_proj.bias is not None:
            self.out_proj.bias.init = Zeros()

    @override
    def forward(
        self,
        query: Tensor,
        key: Tensor | None = None,
        value: Tensor | None = None,
        key_padding_mask: Tensor | None = None,
        *,
        attn_mask: Tensor | None = None,
    ) -> Tensor:
        """Attend. In both masks a bool is True where attention is *refused*, as in `torch.nn.MultiheadAttention`.

        The op `attention` has it the other way round, as `torch.nn.functional.scaled_dot_product_attention` has.

        Args:
            query: […, L, embed_dim], any number of leading axes.
            key: […, S, kdim]; absent: the query.
            value: […, S, vdim]; absent: the key.
            key_padding_mask: […, S], a bool, True for keys that are padding, to which no query attends; or a number of
                the query's dtype that is added to the scores.
            attn_mask: [L, S] or […, L, S], the same for every head, or […, num_heads, L, S], with one axis more than
                the query: a bool, True where the query may not attend to the key; or a number that is added to the
                score.

        Returns:
            […, L, embed_dim]. What attends to no key is the projection of zeros: `out_proj.bias`.

        Raises:
            AsgError: a mask has another dtype or too few axes, or operands do not fit each other.
        """
        if query.ndim < 2 or query.shape[-1] != self.embed_dim:
            raise AsgError(f"MultiHeadAttention: query is {query}; a shape […, L, {self.embed_dim}] is needed")
        key = query if key is None else key
        value = key if value is None else value
        groups = self.num_heads // self.num_kv_heads
        heads = (self.num_kv_heads,) if groups == 1 else (self.num_kv_heads, groups)
        shared = (self.num_kv_heads,) if groups == 1 else (self.num_kv_heads, 1)
        projected = self._projections(query, key, value)
        q, k, v = (self._split(x, axes) for x, axes in zip(projected, (heads, shared, shared), strict=True))
        if self.rotary is not None:
            q, k = self.rotary(q), self.rotary(k)
        bias = None if self.alibi is None else self.alibi.bias(q.shape[-2], k.shape[-2], query.dtype)
        mask = attention_mask(query, heads, attn_mask, key_padding_mask, bias)
        if self.training and self.dropout > 0:
            attended = attention_with_dropout(q, k, v, mask, causal=self.causal, p=self.dropout)
        else:
            attended = attention(q, k, v, mask, causal=self.causal)
        return self.out_proj(self._merge(attended, len(heads)))

    def _projections(self, query: Tensor, key: Tensor, value: Tensor) -> list[Tensor]:
        """q, k and v; those of one and the same tensor by one product where the weights lie below each other."""
        sizes = self._sizes
        bias = None if self.in_proj_bias is None else self.in_proj_bias.value
        if self.in_proj_weight is None:
            weights = [item.value for item in (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight) if item]
            biases = [None] * 3 if bias is None else split(bias, sizes)
            return [linear(*given) for given in zip((query, key, value), weights, biases, strict=True)]
        weight = self.in_proj_weight.value
        if query is key is value:
            return split(linear(query, weight, bias), sizes, axis=-1)
        first, *rest = [self.embed_dim, 2 * self.embed_dim] if key is value else sizes
        weights = split(weight, [first, *rest])
        biases = [None] * len(weights) if bias is None else split(bias, [first, *rest])
        q = linear(query, weights[0], biases[0])
        if key is value:
            return [q, *split(linear(key, weights[1], biases[1]), sizes[1:], axis=-1)]
        return [q, linear(key, weights[1], biases[1]), linear(value, weights[2], biases[2])]

    def _split(self, x: Tensor, heads: tuple[int, ...]) -> Tensor:
        """[…, L, heads · head_dim] to […, *heads, L, head_dim]."""
        apart = reshape(x, (*x.shape[:-1], *heads, self.head_dim))
        length = x.ndim - 2
        axes = range(length, length + 1 + len(heads))
        return permute_dims(apart, (*range(length), *axes[1:], length, apart.ndim - 1))

    def _merge(self, x: Tensor, heads: int) -> Tensor:
        """[…, *heads, L, head_dim], with this many axes of heads, to […, L, embed_dim]."""
        length = x.ndim - 2
        first = length - heads
        beside = permute_dims(x, (*range(first), length, *range(first, length), length + 1))
        return reshape(beside, (*x.shape[:first], x.shape[length], self.embed_dim))


def _xavier(shape: tuple[int, int], dtype: DTypeLike) -> Parameter:
    return Parameter(shape, init=XavierUniform(), dtype=dtype)


def _check_sizes(embed_dim: int, num_heads: int, num_kv_heads: int, sizes: tuple[int, int]) -> None:
    if num_heads < 1 or embed_dim < 1 or embed_dim % num_heads:
        raise AsgError(f"MultiHeadAttention: embed_dim {embed_dim} is not a multiple of num_heads {num_heads}")
    if num_kv_heads < 1 or num_heads % num_kv_heads:
        raise AsgError(f"MultiHeadAttention: num_heads {num_heads} is not a multiple of num_kv_heads {num_kv_heads}")
    if min(sizes) < 1:
        raise AsgError(f"MultiHeadAttention: kdim is {sizes[0]} and vdim is {sizes[1]}; at least 1 is needed")


def _check_positions(head_dim: int, num_heads: int, rotary: RotaryEmbedding | None, alibi: ALiBi | None) -> None:
    if rotary is not None and head_dim % 2:
        raise AsgError(f"MultiHeadAttention: a head has the size {head_dim}; rotary needs an even one")
    if alibi is not None and alibi.num_heads != num_heads:
        raise AsgError(f"MultiHeadAttention: alibi is for {alibi.num_heads} heads; num_heads is {num_heads}")
