"""`grad` with `loss_scale`: what it scales, how its input meets those of other transforms, and what is refused."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

import asg_executor
from asg_autograd import TransformError, grad, merge, split, vmap
from asg_schema.document import Document
from asg_schema.dtype import DType
from asg_schema.parts import Input
from asg_schema.roles import LossScaleRole

MODEL = Document.from_dict(
    {
        "asg": 1,
        "inputs": [{"id": "x", "dtype": "float32", "shape": ["n"]}],
        "parameters": [{"id": "w", "dtype": "float32", "shape": []}, {"id": "idle", "dtype": "float32", "shape": []}],
        "nodes": [
            {"id": "y", "op": "multiply", "inputs": ["x", "w"]},
            {"id": "squared", "op": "multiply", "inputs": ["y", "y"]},
            {"id": "loss", "op": "sum", "inputs": ["squared"]},
            {"id": "mean", "op": "mean", "inputs": ["y"]},
        ],
        "outputs": [{"name": "loss", "value": "loss"}, {"name": "mean", "value": "mean"}],
    }
)
SCALED = grad(MODEL, loss_scale=True)
PARAMETERS = {"w": 3.0, "idle": 1.0}


def run(document: Document, outputs: list[str], **inputs: Any) -> Mapping[str, Any]:
    return asg_executor.run(document, {"x": [1, 2], **inputs}, PARAMETERS, outputs=outputs)


def test_the_input_is_the_cotangent_of_the_output() -> None:
    assert SCALED.inputs == (*MODEL.inputs, Input(id="loss_scale", dtype=DType.FLOAT32, shape=(), role=LossScaleRole()))
    # loss = 5 w², so that its derivative is 30, and 8 times that with the scale.
    found = run(SCALED, ["loss", "grad.w", "grad.idle"], loss_scale=8)
    assert {name: float(value) for name, value in found.items()} == {"loss": 45.0, "grad.w": 240.0, "grad.idle": 0.0}
    assert Document.from_json(SCALED.to_json()) == SCALED


def test_the_dtype_is_that_of_the_output_and_a_taken_id_is_numbered() -> None:
    source = MODEL.to_dict()
    source["inputs"].append({"id": "loss_scale", "dtype": "float32", "shape": []})
    source["nodes"].append({"id": "wide", "op": "astype", "inputs": ["loss"], "dtype": "float64"})
    source["outputs"].append({"name": "wide", "value": "wide"})
    scale = grad(Document.from_dict(source), of="wide", loss_scale=True).inputs[-1]
    assert (scale.id, scale.dtype) == ("loss_scale2", DType.FLOAT64)


def test_gradients_of_several_outputs_share_one_scale() -> None:
    both = grad(SCALED, of="mean", wrt=["w"], loss_scale=True)
    assert both.inputs == SCALED.inputs
    found = run(both, ["grad.w", "grad2.w"], loss_scale=8)
    assert {name: float(value) for name, value in found.items()} == {"grad.w": 240.0, "grad2.w": 12.0}


def test_what_is_scaled_is_not_scaled_again() -> None:
    with pytest.raises(TransformError, match=r'output "grad\.w" is scaled by "loss_scale" already'):
        grad(SCALED, of="grad.w", wrt=["w"], loss_scale=True)
    source = MODEL.to_dict()
    source["nodes"].append({"id": "wide", "op": "astype", "inputs": ["loss"], "dtype": "float64"})
    source["outputs"].append({"name": "wide", "value": "wide"})
    first = grad(Document.from_dict(source), loss_scale=True)
    with pytest.raises(TransformError, match=r'"loss_scale" is float32\[\] and the output "wide" float64\[\]'):
        grad(first, of="wide", wrt=["w"], loss_scale=True)


def test_a_gradient_of_a_gradient_scales_the_last_order() -> None:
    second = grad(grad(MODEL, wrt=["w"]), of="grad.w", wrt=["w"], loss_scale=True)
    found = run(second, ["grad.w", "grad2.w"], loss_scale=8)
    assert {name: float(value) for name, value in found.items()} == {"grad.w": 30.0, "grad2.w": 80.0}


def test_the_backward_document_takes_the_scale() -> None:
    forward, backward = split(SCALED)
    assert "loss_scale" not in {item.id for item in forward.inputs}
    assert "loss_scale" in {item.id for item in backward.inputs}


def test_examples_share_the_scale_unless_it_is_mapped() -> None:
    shared = vmap(SCALED, 0, out_axes={"grad.w": 0, "grad.idle": 0})
    assert shared.inputs[-1] == SCALED.inputs[-1]
    mapped = vmap(SCALED, {"x": 0, "loss_scale": 0}, out_axes={"grad.w": 0, "grad.idle": 0})
    assert mapped.inputs[-1].role is None
    found = run(mapped, ["grad.w"], x=[[1, 2], [1, 0]], loss_scale=[8, 2])["grad.w"]
    np.testing.assert_array_equal(found, [240, 12])


def test_two_scales_are_merged_only_as_one() -> None:
    with pytest.raises(TransformError, match="both loss scales; a document has at most one: name it in share"):
        merge(SCALED, SCALED, prefix="b.", share=["x"])
    merged = merge(SCALED, SCALED, prefix="b.", share=["x", "loss_scale"])
    assert [item.id for item in merged.inputs] == ["x", "loss_scale"]
