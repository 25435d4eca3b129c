"""Every op that PyTorch has: results, gradients at smooth points and at edges, and second-order gradients."""

from collections.abc import Mapping

import numpy as np
import pytest
import torch

from asg_schema.op_table import OPS
from op_samples import ALL_SAMPLES
from op_samples.sample import Array, Sample, sample_document
from parity.derivatives import (
    assert_same,
    fixed_arrays,
    fixed_cotangents,
    float_results,
    gradients,
    results,
    second_gradients,
)
from parity.torch_functions import FUNCTIONS, WITHOUT_COUNTERPART

_DTYPES = {"float16", "float32", "float64", "int8", "int32", "int64", "uint8", "bool"}

# Samples whose results PyTorch defines differently, or not at all.
OTHER_RESULT = {
    "cholesky.nan": "PyTorch raises for NaN; here the factor is NaN",
    "svd.tall_full_matrices": "which vectors complete a basis is not said in PyTorch",
    "svd.wide_full_matrices": "which vectors complete a basis is not said in PyTorch",
    "svd.batch_full_matrices": "which vectors complete a basis is not said in PyTorch",
    "one_hot.no_classes": "PyTorch raises for no classes; here the result is empty",
    "binary_cross_entropy.no_probability": "PyTorch raises for an input outside [0, 1]; here it yields NaN",
    "hardswish.minus_infinity": "PyTorch multiplies -inf by 0; here it is the limit, 0",
    "mish.infinite": "as hardswish",
    "top_k.ties": "which of equal elements is found is not said in PyTorch",
    "conv.no_channels": "PyTorch refuses a weight without elements",
    "conv.no_results": "PyTorch refuses a weight without elements",
    "pow.int32": "PyTorch keeps 1 and -1 to a negative power; here a negative exponent yields 0",
    "remainder.int32_sign_of_divisor": "PyTorch raises for an integer remainder by 0; here it is 0",
    "sign.edges": "PyTorch's sign of NaN is 0; here, as in the array API standard, it is NaN",
}
# Samples whose derivatives at edges PyTorch defines differently, or not at all.
OTHER_GRADIENT = {
    "cholesky.nan": "as its result",
    "det.singular": "PyTorch perturbs a singular matrix; here the run fails",
    "lu.singular": "infinite in PyTorch; here the run fails",
    "lu.zeros": "not finite in PyTorch; here the run fails",
    "slogdet.singular": "infinite in PyTorch; here the run fails",
    **{f"qr.{name}_mode_complete": "refused, by PyTorch too" for name in ("tall", "column", "tall_batch")},
    **{f"svd.{name}_full_matrices": "ignored in PyTorch; here refused" for name in ("tall", "wide", "batch")},
    "binary_cross_entropy.no_probability": "as above",
    "cross_entropy.ignored_infinite": "PyTorch multiplies NaN by 0; an ignored line has the gradient 0 here",
    "binary_cross_entropy.certain": "by the target it is infinite in PyTorch; that by the input has a test of its own",
    "binary_cross_entropy.tiny": "as certain",
    "conv.no_channels": "PyTorch refuses a weight without elements",
    "conv.no_results": "PyTorch refuses a weight without elements",
    "abs.edges": "sign(NaN), as above",
    "digamma.edges": "PyTorch has large random numbers at the poles; here it is inf",
    "cosine_similarity.shorter_than_eps": "PyTorch differentiates a norm where eps stands for it; central differences "
    "confirm ours",
    "hardswish.nan": "PyTorch has derivative 1 at NaN; here it is NaN",
    "mish.infinite": "PyTorch multiplies inf by 0; here it is the limit, 1 and 0",
    "softsign.infinite": "PyTorch has NaN; here it is the limit, 0",
    "maximum.edges": "beside a NaN both operands have derivative 1 in PyTorch, and 0 here and in JAX",
    "minimum.edges": "as maximum",
    "cumulative_prod.infinite": "0 · inf in another order",
    "norm.nan_ord_inf": "as max.nan",
    "rsqrt.edges": "at -0 PyTorch has inf, the cube of the result; here and in JAX it is -inf, its quotient by x",
    "top_k.ties": "as its result",
    "max.nan": "a NaN has derivative NaN in PyTorch, and 0 here and in JAX",
    "min.nan": "as max",
    "logsumexp.infinite": "of nothing but -inf the derivative is NaN in PyTorch, and 0 here",
}
OTHER_SECOND_GRADIENT = {
    "conv.no_channels": "PyTorch refuses a weight without elements",
    "conv.no_results": "PyTorch refuses a weight without elements",
    "cosine_similarity.shorter_than_eps": "as its first",
    "pow.zero_exponent": "PyTorch has no mixed derivative at exponent 0; central differences confirm ours",
}
# PyTorch's trigamma, and what is differentiated through it, has no more than nine digits.
NINE_DIGITS = {
    "polygamma.n_1",
    "polygamma.rank_0",
    "digamma.smooth",
    "digamma.rank_0",
    "polygamma.n_0",
    "lgamma.smooth",
}
# PyTorch divides by 1e-12 rounded to float32.
EIGHT_DIGITS = {"binary_cross_entropy.certain", "binary_cross_entropy.tiny"}


def comparable(sample: Sample) -> bool:
    supported = all(operand.dtype.name in _DTYPES for operand in sample.operands)
    # A conversion that does not fit the integer dtype is undefined there.
    undefined = sample.op.name == "astype" and "int" in str(sample.attributes["dtype"])
    result = sample_document(sample).types["result"].dtype.value
    return sample.op in FUNCTIONS and supported and result in _DTYPES and not undefined


def apply(sample: Sample, tensors: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    """All results of PyTorch's function."""
    found = FUNCTIONS[sample.op](*tensors, **sample.attributes)
    return tuple(found) if isinstance(found, tuple) else (found,)


def tensors_of(sample: Sample) -> list[torch.Tensor]:
    return [torch.tensor(operand) for operand in sample.operands]


def float_operands(sample: Sample) -> list[int]:
    declared = sample.op.operands
    return [
        index
        for index, operand in enumerate(sample.operands)
        if operand.dtype == np.float64 and declared[min(index, len(declared) - 1)].differentiable
    ]


def with_float_result(sample: Sample) -> bool:
    return comparable(sample) and bool(float_operands(sample)) and bool(float_results(sample))


COMPARABLE = [sample for sample in ALL_SAMPLES if comparable(sample)]
DIFFERENTIABLE = [sample for sample in ALL_SAMPLES if with_float_result(sample)]
SMOOTH = [sample for sample in DIFFERENTIABLE if sample.differentiable]


def every(samples: list[Sample], exceptions: Mapping[str, str]) -> pytest.MarkDecorator:
    """Parametrize over samples; an exception has to fail, so that a stale one is found."""
    reasons = {sample.id: exceptions[sample.id] for sample in samples if sample.id in exceptions}
    assert set(reasons) == set(exceptions)
    marks = {id: pytest.mark.xfail(reason=reason) for id, reason in reasons.items()}
    return pytest.mark.parametrize(
        "sample", [pytest.param(sample, id=sample.id, marks=marks.get(sample.id, ())) for sample in samples]
    )


# The edges of var and std.
few_degrees_of_freedom = pytest.mark.filterwarnings(r"ignore:(var|std)\(\). degrees of freedom:UserWarning")


def tolerance_of(sample: Sample, usual: float) -> float:
    return 1e-9 if sample.id in NINE_DIGITS else usual


def test_every_op_is_compared_or_has_no_counterpart() -> None:
    assert sorted({op.name for op in OPS.values()} - {op.name for op in FUNCTIONS}) == sorted(WITHOUT_COUNTERPART)


@few_degrees_of_freedom
@every(COMPARABLE, OTHER_RESULT)
def test_result(sample: Sample) -> None:
    for actual, expected in zip(results(sample), apply(sample, tensors_of(sample)), strict=True):
        assert_same(actual, expected.numpy(), sample.id, tolerance_of(sample, 1e-12))


def torch_gradients(sample: Sample, cotangents: list[Array], weights: list[Array] | None) -> list[Array]:
    """The vector-Jacobian product, or with `weights` the derivatives of their product with it."""
    tensors = tensors_of(sample)
    wrt = [tensors[index].requires_grad_() for index in float_operands(sample)]
    found = apply(sample, tensors)
    given = zip((found[index] for index in float_results(sample)), map(torch.tensor, cotangents), strict=True)
    dependent = [(result, cotangent) for result, cotangent in given if result.requires_grad]
    zeros = [torch.zeros_like(x) for x in wrt]
    if not dependent:
        return [zero.numpy() for zero in zeros]
    options = {"allow_unused": True, "materialize_grads": True}
    outputs, seeds = map(list, zip(*dependent, strict=True))
    found = torch.autograd.grad(outputs, wrt, seeds, create_graph=weights is not None, **options)
    if weights is not None:
        terms = [torch.sum(gradient * torch.tensor(weight)) for gradient, weight in zip(found, weights, strict=True)]
        total = torch.stack(terms).sum()
        found = torch.autograd.grad(total, wrt, **options) if total.requires_grad else zeros
    return [gradient.numpy(force=True) for gradient in found]


@few_degrees_of_freedom
@every(DIFFERENTIABLE, OTHER_GRADIENT)
def test_gradient(sample: Sample) -> None:
    cotangents = fixed_cotangents(sample)
    actual = gradients(sample, float_operands(sample), cotangents)
    for index, x, y in zip(float_operands(sample), actual, torch_gradients(sample, cotangents, None), strict=True):
        assert_same(x, y, f"{sample.id}: derivative by x{index}", tolerance_of(sample, 1e-11))


@every(SMOOTH, OTHER_SECOND_GRADIENT)
def test_second_gradient(sample: Sample) -> None:
    cotangents = fixed_cotangents(sample)
    weights = fixed_arrays([sample.operands[index].shape for index in float_operands(sample)], seed=2)
    actual = second_gradients(sample, float_operands(sample), cotangents, weights)
    for index, x, y in zip(float_operands(sample), actual, torch_gradients(sample, cotangents, weights), strict=True):
        assert_same(x, y, f"{sample.id}: second derivative by x{index}", tolerance_of(sample, 1e-10))
