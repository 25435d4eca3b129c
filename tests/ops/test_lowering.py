"""Every composite, lowered, computes what its reference says, with primitives alone."""

import asg_executor
from asg_autograd.lower import lower
from asg_schema.composite import Composite
from asg_schema.document import Document
from op_samples import ALL_SAMPLES
from op_samples.comparing import assert_matches_reference
from op_samples.each_sample import for_each_sample
from op_samples.sample import Sample, sample_document, sample_inputs

COMPOSITE_SAMPLES = [sample for sample in ALL_SAMPLES if issubclass(sample.op, Composite)]


@for_each_sample(COMPOSITE_SAMPLES)
def test_a_lowered_composite_computes_the_same(sample: Sample) -> None:
    document = sample_document(sample)
    lowered = lower(document)
    assert not any(isinstance(node, Composite) for node in lowered.nodes)
    assert Document.from_json(lowered.to_json()).types == lowered.types
    assert [lowered.types[item.value] for item in lowered.outputs] == [
        document.types[item.value] for item in document.outputs
    ]
    results = asg_executor.run(lowered, sample_inputs(sample), engine="numpy")
    assert_matches_reference(tuple(results[output.name] for output in lowered.outputs), sample)
