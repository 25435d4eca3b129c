"""Every op has what it needs in every package. An exception is written down with its reason; a stale one fails."""

import pytest

from asg_autograd.batching_rules import batching
from asg_autograd.rules import rules
from asg_autograd.tangents import tangents
from asg_executor.kernels.table import KERNELS
from asg_schema.composite import Composite
from asg_schema.dtype import DType
from asg_schema.op import Op
from asg_schema.op_table import OPS
from op_samples import ALL_SAMPLES
from op_samples.expansion import expanded_document
from op_samples.sample import declared_operand, dtype_of

EVERY_OP = set(OPS.values())
COMPOSITES: set[type[Op]] = {op for op in EVERY_OP if issubclass(op, Composite)}

# Kinds of dtype that an operand's declaration allows and the op's own rule refuses.
REFUSED_KINDS = {
    ("attention", "mask", "integer"): "a mask is bool or of the query's dtype",
    ("attention_weights", "mask", "integer"): "a mask is bool or of the query's dtype",
    ("cross_entropy", "target", "bool"): "a target is an index or a probability",
}

# Ops that take no operand of rank 0.
WITHOUT_RANK_0 = {
    "cholesky": "refused by its rule",
    "det": "refused by its rule",
    "eigh": "refused by its rule",
    "inv": "refused by its rule",
    "lu": "refused by its rule",
    "qr": "refused by its rule",
    "slogdet": "refused by its rule",
    "svd": "refused by its rule",
    "solve": "refused by its rule",
    "triangular_solve": "refused by its rule",
    "diag": "refused by its rule",
    "diagonal": "refused by its rule",
    "tril": "refused by its rule",
    "triu": "refused by its rule",
    "matmul": "refused by its rule",
    "linear": "refused by its rule",
    "attention": "refused by its rule",
    "attention_weights": "refused by its rule",
    "max_unpool": "needs an axis",
    "softmax": "needs an axis",
    "log_softmax": "needs an axis",
    "layer_norm": "needs an axis",
    "glu": "needs an axis",
    "outer": "refused by its rule",
    "cosine_similarity": "needs an axis",
    "pairwise_distance": "refused by its rule",
    "rms_norm": "needs an axis",
    "batch_norm": "needs an axis",
    "group_norm": "refused by its rule",
    "instance_norm": "refused by its rule",
    "argsort": "needs an axis",
    "cumulative_prod": "needs an axis",
    "cumulative_sum": "needs an axis",
    "sort": "needs an axis",
    "top_k": "needs an axis",
    "concat": "needs an axis",
    "take_along_axis": "needs an axis",
    "scatter_add_along_axis": "needs an axis",
    "dim_size": "needs an axis",
    "rng_bits": "its operand is a key",
    "adaptive_avg_pool": "needs an axis",
    "adaptive_max_pool": "needs an axis",
    "avg_pool": "needs an axis",
    "conv_transpose": "refused by its rule",
    "global_avg_pool": "refused by its rule",
    "global_max_pool": "refused by its rule",
    "interpolate": "needs an axis",
    "conv": "refused by its rule",
    "max_pool": "needs an axis",
    "window_sum": "needs an axis",
    "uniform": "its operand is a key",
    "normal": "its operand is a key",
    "categorical": "needs an axis",
}

# Composites that are always expanded where they are mapped.
MAPPED_BY_EXPANSION = {
    "bernoulli": "its attributes cannot say that examples share the bits",
    "call": "what it calls is mapped where its function has a vjp, which needs the whole pass",
    "categorical": "its attributes cannot say that examples share the noise",
    "normal": "its key is one",
    "outer": "its operands are vectors",
    "uniform": "its key is one",
}


def names(ops: set[type[Op]]) -> list[str]:
    return sorted(op.name for op in ops)


def test_every_op_has_samples() -> None:
    assert names(EVERY_OP - {sample.op for sample in ALL_SAMPLES}) == []


def test_every_primitive_has_a_kernel() -> None:
    assert names(EVERY_OP - COMPOSITES - set(KERNELS)) == []
    assert names(set(KERNELS) - EVERY_OP) == []


def test_every_composite_expands_into_primitives_that_have_kernels() -> None:
    expanded = {
        sample.op: {type(node) for node in expanded_document(sample).nodes}
        for sample in ALL_SAMPLES
        if sample.op in COMPOSITES
    }
    assert names(COMPOSITES - set(expanded)) == []
    assert {op.name: names(parts - set(KERNELS)) for op, parts in expanded.items() if parts - set(KERNELS)} == {}


def test_gradient_rules_are_those_of_the_differentiable_ops() -> None:
    differentiable = {op for op in EVERY_OP if any(operand.differentiable for operand in op.operands)}
    assert names(differentiable - COMPOSITES - set(rules)) == []
    assert names(set(rules) - differentiable) == []


def test_tangent_rules_are_those_of_the_differentiable_ops() -> None:
    differentiable = {op for op in EVERY_OP if any(operand.differentiable for operand in op.operands)}
    assert names(differentiable - COMPOSITES - set(tangents)) == []
    assert names(set(tangents) - differentiable) == []


def test_batching_rules_are_those_of_the_ops_that_take_operands() -> None:
    takes_operands = {op for op in EVERY_OP if op.operands}
    assert names(takes_operands - set(batching)) == sorted(MAPPED_BY_EXPANSION)
    assert names(takes_operands - COMPOSITES - set(batching)) == []
    assert names(set(batching) - takes_operands) == []


def test_every_differentiable_operand_is_checked_against_finite_differences() -> None:
    declared = {(op.name, operand.name) for op in EVERY_OP for operand in op.operands if operand.differentiable}
    checked = {
        (sample.op.name, declared_operand(sample.op, index).name)
        for sample in ALL_SAMPLES
        for index in sample.differentiable_operands()
        if sample.operands[index].size
    }
    assert sorted(declared - checked) == []


def test_every_attribute_has_a_sample_with_and_without_it() -> None:
    missing: list[tuple[str, str]] = []
    for op in EVERY_OP:
        given = [set(sample.attributes) for sample in ALL_SAMPLES if sample.op is op]
        for name in op.attributes:
            wanted = {True} if op.model_fields[name].is_required() else {True, False}
            if {name in attributes for attributes in given} != wanted:
                missing.append((op.name, name))
    assert sorted(missing) == []


def test_every_op_has_a_sample_of_rank_0() -> None:
    with_rank_0 = {sample.op.name for sample in ALL_SAMPLES if any(operand.ndim == 0 for operand in sample.operands)}
    takes_operands = {op.name for op in EVERY_OP if op.operands}
    assert sorted(takes_operands - with_rank_0) == sorted(WITHOUT_RANK_0)


@pytest.mark.parametrize("dtypes", ["float", "integer", "bool"])
def test_every_kind_of_dtype_that_an_operand_may_have_is_sampled(dtypes: str) -> None:
    def kind(dtype: DType) -> str:
        return "float" if dtype.is_floating else ("bool" if dtype is DType.BOOL else "integer")

    declared = {
        (op.name, operand.name)
        for op in EVERY_OP
        for operand in op.operands
        if any(kind(dtype) == dtypes for dtype in operand.dtypes.value)
    }
    sampled = {
        (sample.op.name, declared_operand(sample.op, place).name)
        for sample in ALL_SAMPLES
        for place, operand in enumerate(sample.operands)
        if kind(dtype_of(operand)) == dtypes
    }
    refused = [(op, operand) for op, operand, refused in REFUSED_KINDS if refused == dtypes]
    assert sorted(declared - sampled) == sorted(refused)
