"""Every sample's document: written, read back, checked against the published schema, and typed as its reference."""

import json
from typing import Any, cast

import jsonschema
import numpy as np
import pytest

from asg_schema.document import Document
from asg_schema.dtype import DType
from asg_schema.tensor_type import TensorType
from op_samples import ALL_SAMPLES
from op_samples.each_sample import for_each_sample
from op_samples.sample import Sample, dtype_of, sample_document

every_sample = for_each_sample(ALL_SAMPLES)


@pytest.fixture(scope="module")
def validator() -> Any:
    return jsonschema.Draft202012Validator(Document.model_json_schema())


@every_sample
def test_round_trip(sample: Sample) -> None:
    document = sample_document(sample)
    again = Document.from_json(document.to_json())
    assert again.to_json() == document.to_json()
    assert again.digest == document.digest
    assert again.types == document.types
    (node,) = again.nodes
    assert type(node) is sample.op
    assert node.attribute_json() == document.nodes[0].attribute_json()


@every_sample
def test_attributes_survive(sample: Sample) -> None:
    # Through JSON and back each attribute that the sample gives is what it was, non-finite numbers included.
    document = Document.from_dict(json.loads(sample_document(sample).to_json()))
    for name, value in sample.attributes.items():
        read = getattr(document.nodes[0], name)
        if isinstance(value, dict):
            assert read.model_dump() == value
        else:
            wanted = DType(value) if name == "dtype" else value
            np.testing.assert_equal(_listed(read), _listed(wanted))


def _listed(value: Any) -> Any:
    return list(cast("tuple[Any, ...]", value)) if isinstance(value, tuple) else value


@every_sample
def test_inferred_types_are_those_of_the_reference(sample: Sample) -> None:
    document = sample_document(sample)
    inferred = [document.types[output.value] for output in document.outputs]
    assert inferred == [TensorType(dtype_of(result), result.shape) for result in sample.expected()]


@every_sample
def test_published_schema(sample: Sample, validator: Any) -> None:
    validator.validate(sample_document(sample).to_dict())


def test_published_schema_refuses(validator: Any) -> None:
    # The schema is not so loose that it accepts anything.
    valid = sample_document(next(sample for sample in ALL_SAMPLES if sample.id == "sum.first_axis")).to_dict()
    for change in ({"op": "summ"}, {"axis": "0"}, {"axes": [0]}, {"keepdims": 1}, {"inputs": "x0"}):
        broken = {**valid, "nodes": [{**valid["nodes"][0], **change}]}
        assert not validator.is_valid(broken), change


def test_sample_ids_are_unique_and_begin_with_their_op() -> None:
    ids = [sample.id for sample in ALL_SAMPLES]
    assert len(set(ids)) == len(ids)
    assert [sample.id for sample in ALL_SAMPLES if not sample.id.startswith(f"{sample.op.name}.")] == []
