"""`MultiHeadAttention`: attention in several heads at once."""

from typing_extensions import override

from asg_builder.arguments import DTypeLike
from asg_builder.functions.contraction import attention
from asg_builder.functions.layout import expand_dims, reshape, swapaxes
from asg_builder.nn.linear import Linear
from asg_builder.nn.module import Module
from asg_builder.tensor import Tensor
from asg_schema.errors import AsgError

__all__ = ["MultiHeadAttention"]


class MultiHeadAttention(Module):
    """softmax(q @ kᵀ / √head_dim) @ v in each of several heads (Vaswani et al., 2017).

    A head has the size head_dim = embed_dim / num_heads; q, k and v are projections of query, key and value. The heads'
    results, side by side, are projected once more. Modules: `q_proj`, `k_proj`, `v_proj` and `out_proj`, all `Linear`.

    Args:
        embed_dim: the size of the query's last axis, and of the result's; a multiple of `num_heads`.
        num_heads: the number of heads.
        bias: whether the projections have one.
        kdim: the size of the key's last axis; absent: `embed_dim`.
        vdim: the size of the value's last axis; absent: `embed_dim`.
        causal: whether the query at position i attends only to the keys 0 to i.
        dtype: the dtype of the parameters, and of the inputs.
        name: the name, if it is a root module.

    Raises:
        AsgError: `num_heads` does not divide `embed_dim`.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        *,
        bias: bool = True,
        kdim: int | None = None,
        vdim: int | None = None,
        causal: bool = False,
        dtype: DTypeLike = "float32",
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        if num_heads < 1 or embed_dim % num_heads:
            raise AsgError(f"MultiHeadAttention: embed_dim {embed_dim} is not a multiple of num_heads {num_heads}")
        self.embed_dim = embed_dim
        self.num_heads = num_heads
        self.causal = causal
        self.q_proj = Linear(embed_dim, embed_dim, bias, dtype=dtype)
        self.k_proj = Linear(kdim or embed_dim, embed_dim, bias, dtype=dtype)
        self.v_proj = Linear(vdim or embed_dim, embed_dim, bias, dtype=dtype)
        self.out_proj = Linear(embed_dim, embed_dim, bias, dtype=dtype)

    @override
    def forward(
        self, query: Tensor, key: Tensor | None = None, value: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """Attend.

        Args:
            query: […, L, embed_dim], any number of leading axes.
            key: […, S, kdim]; absent: the query.
            value: […, S, vdim]; absent: the key.
            mask: [L, S] or […, L, S], the same for every head, or […, num_heads, L, S]: a bool, True where a query may
                attend to a key; or a number of the query's dtype that is added to the score.

        Returns:
            […, L, embed_dim].
        """
        key = query if key is None else key
        value = key if value is None else value
        if mask is not None and 2 < mask.ndim <= query.ndim:
            mask = expand_dims(mask, -3)
        heads = attention(
            self._split(self.q_proj(query)),
            self._split(self.k_proj(key)),
            self._split(self.v_proj(value)),
            mask,
            causal=self.causal,
        )
        merged = swapaxes(heads, -3, -2)
        return self.out_proj(reshape(merged, (*merged.shape[:-2], self.embed_dim)))

    def _split(self, x: Tensor) -> Tensor:
        """[…, L, embed_dim] to […, num_heads, L, head_dim]."""
        head_dim = self.embed_dim // self.num_heads
        return swapaxes(reshape(x, (*x.shape[:-1], self.num_heads, head_dim)), -3, -2)
