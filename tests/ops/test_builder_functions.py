"""Each op's function in the builder: it takes the op's operands and attributes, and builds the node that they name."""

import inspect
from collections.abc import Callable
from typing import Any, cast

import pytest

import asg_builder as asg
import asg_executor
from asg_schema.composites.contraction_einsum import Einsum
from asg_schema.op import Op
from asg_schema.op_table import OPS
from asg_schema.ops.creation import Constant
from op_samples import ALL_SAMPLES
from op_samples.comparing import assert_matches_reference
from op_samples.each_sample import for_each_sample
from op_samples.sample import Sample, dtype_of, sample_document

every_op = pytest.mark.parametrize("op", OPS.values(), ids=lambda op: op.name)

# Functions that take something other than what the op's declaration says.
OTHER_PARAMETERS = {
    "einsum": "the equation comes first, as NumPy and PyTorch have it",
    "pad": "its mode chooses between three ops",
    "constant": "dtype and shape are those of the value where they are left out",
    "dropout": "the key is drawn from the graph's own where it is left out",
    "normal": "the key is drawn from the graph's own where it is left out",
    "uniform": "the key is drawn from the graph's own where it is left out",
}


def function_of(op: type[Op]) -> Callable[..., Any]:
    return getattr(asg, op.name)


def declared_parameters(op: type[Op]) -> tuple[list[str], dict[str, Any]]:
    """What a function for an op takes: the names of its operands, and its attributes with their defaults."""
    required = inspect.Parameter.empty
    operands = {operand.name: None if operand.optional else required for operand in op.operands}
    fields = {name: op.model_fields[name] for name in op.attributes}
    attributes = {name: required if field.is_required() else field.default for name, field in fields.items()}
    return list(operands), operands | attributes


def taken_parameters(op: type[Op]) -> tuple[list[str], dict[str, Any]]:
    parameters = inspect.signature(function_of(op)).parameters
    first = list(parameters)[: len(op.operands)]
    return first, {name: parameter.default for name, parameter in parameters.items()}


@every_op
def test_parameters_are_operands_and_attributes(op: type[Op]) -> None:
    if op.name not in OTHER_PARAMETERS:
        assert taken_parameters(op) == declared_parameters(op)


def test_no_exception_is_stale() -> None:
    assert [name for name in OTHER_PARAMETERS if taken_parameters(OPS[name]) == declared_parameters(OPS[name])] == []


@every_op
def test_function_has_a_docstring(op: type[Op]) -> None:
    assert inspect.getdoc(function_of(op))


def built_digest(sample: Sample) -> str:
    with asg.graph(sample.id) as graph:
        operands = [
            asg.input(f"x{index}", operand.shape, dtype_of(operand)) for index, operand in enumerate(sample.operands)
        ]
        if sample.op is Einsum:
            result = asg.einsum(sample.attributes["equation"], *operands)
        elif sample.op.operands and sample.op.operands[-1].variadic:
            result = function_of(sample.op)(operands, **sample.attributes)
        else:
            result = function_of(sample.op)(*operands, **sample.attributes)
        results = cast("tuple[asg.Tensor, ...]", result if isinstance(result, tuple) else (result,))
        graph.output(**{f"y{index}": value for index, value in enumerate(results)})
    return graph.document().digest


@for_each_sample([sample for sample in ALL_SAMPLES if sample.op is not Constant])
def test_function_builds_the_node(sample: Sample) -> None:
    assert built_digest(sample) == sample_document(sample).digest


@for_each_sample([sample for sample in ALL_SAMPLES if sample.op is Constant])
def test_constant_holds_the_array(sample: Sample) -> None:
    # It may write the elements in either form.
    (array,) = sample.expected()
    with asg.graph(sample.id) as graph:
        graph.output(y0=asg.constant(array))
    assert_matches_reference((asg_executor.run(graph.document(), {})["y0"],), sample)
