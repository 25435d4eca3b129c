"""Tangent rules of windows."""

from asg_autograd.tangents.table import Perturbation, Tangents, tangents
from asg_autograd.tangents.terms import multilinear
from asg_schema.dims import Dim, element_count
from asg_schema.ops.indexing import TakeAlongAxis
from asg_schema.ops.layout import Reshape
from asg_schema.ops.window import Conv, MaxPool, WindowSum

__all__: list[str] = []

tangents.define(Conv)(multilinear)
tangents.define(WindowSum)(multilinear)


@tangents.define(MaxPool)
def _max_pool(op: MaxPool, at: Perturbation) -> Tangents:
    _, indices = at.results
    leading = at.x.shape[: at.x.rank - len(op.kernel_size)]

    def flat(shape: tuple[Dim, ...]) -> tuple[Dim, ...]:
        return (*leading, element_count(shape[len(leading) :]))

    t, places = (Reshape.of(value, shape=flat(value.shape)) for value in (at.t, indices))
    return Reshape.of(TakeAlongAxis.of(t, places, axis=-1), shape=indices.shape), None
