"""Every kind of fault of a document: its pointer, its code and its whole message."""

import copy
from typing import Any

import pytest

from asg_schema import Document, DocumentError, Problem
from op_samples.faults import FAULTS, REGRESSION, changed


def problems(source: Any) -> list[Problem]:
    with pytest.raises(DocumentError) as caught:
        Document.from_dict(source)
    assert caught.value.more == 0
    return list(caught.value.problems)


def test_the_document_written_by_hand_is_valid() -> None:
    document = Document.from_dict(REGRESSION)
    assert {name: str(type) for name, type in document.types.items()} == {
        "x": "float32[batch, 3]",
        "target": "float32[batch, 1]",
        "weight": "float32[3, 1]",
        "bias": "float32[1]",
        "xw": "float32[batch, 1]",
        "prediction": "float32[batch, 1]",
        "error": "float32[batch, 1]",
        "squared": "float32[batch, 1]",
        "loss": "float32[]",
    }


@pytest.mark.parametrize(("place", "value", "pointer", "code", "message"), FAULTS)
def test_a_fault_is_one_problem(place: str, value: Any, pointer: str, code: str, message: str) -> None:
    found = problems(changed(place, value))
    assert found[0] == (pointer, code, message)
    same_part = [problem for problem in found if problem.pointer == pointer]
    assert same_part == found[:1]


def test_one_fault_is_not_reported_again_by_what_depends_on_it() -> None:
    source = changed("/nodes/0/op", "matmull")
    assert [problem.pointer for problem in problems(source)] == ["/nodes/0/op"]
    source = changed("/inputs/0/dtype", "float")
    assert [problem.pointer for problem in problems(source)] == ["/inputs/0/dtype"]
    source = changed("/nodes/0/inputs", ["x", "target"])
    assert [problem.pointer for problem in problems(source)] == ["/nodes/0/inputs/1"]


def test_a_section_that_cannot_be_read_leaves_no_unknown_values() -> None:
    assert [problem.pointer for problem in problems(changed("/nodes", "none"))] == ["/nodes"]


def test_the_values_of_a_broken_node_count_as_untyped_whatever_their_number() -> None:
    source = changed("/nodes/0/op", "matmull")
    source["nodes"][1]["inputs"] = ["xw:1", "bias"]
    assert [problem.pointer for problem in problems(source)] == ["/nodes/0/op"]


def test_a_missing_version_is_told_so_that_it_can_be_added() -> None:
    assert problems({}) == [
        ("/asg", "missing_field", 'the field "asg", the version of the format, is missing; write "asg": 1')
    ]


def test_all_faults_are_told_at_once_in_document_order() -> None:
    source = copy.deepcopy(REGRESSION)
    source["outputs"][1]["value"] = "los"
    source["nodes"][4]["axes"] = source["nodes"][4].pop("axis")
    source["nodes"][1]["inputs"] = ["xw", "missing"]
    source["nodes"].insert(3, {"id": "wide", "op": "matmul", "inputs": ["x", "x"]})
    source["parameters"][1]["init"] = {"kind": "none"}
    source["inputs"][1]["role"] = {"kind": "tangent", "of": "nothing"}
    source["inputs"].append({"id": "y"})
    source["extra"] = 1
    found = problems(source)
    assert [(problem.pointer, problem.code) for problem in found] == [
        ("/inputs/1/role/of", "unknown_value"),
        ("/inputs/2/dtype", "missing_field"),
        ("/inputs/2/shape", "missing_field"),
        ("/parameters/1/init/kind", "unknown_kind"),
        ("/nodes/1/inputs/1", "unknown_value"),
        ("/nodes/3/inputs/1", "type_mismatch"),
        ("/nodes/5/axes", "unknown_field"),
        ("/outputs/1/value", "unknown_value"),
        ("/extra", "unknown_field"),
    ]


def test_a_hundred_problems_are_told_and_how_many_more_there_are() -> None:
    source = {"asg": 1, "nodes": [{"id": f"n{i}", "op": "exp", "inputs": ["missing"]} for i in range(130)]}
    with pytest.raises(DocumentError) as caught:
        Document.from_dict(source)
    assert len(caught.value.problems) == 100
    assert caught.value.more == 30
    lines = str(caught.value).splitlines()
    assert len(lines) == 101
    assert lines[0] == '/nodes/0/inputs/0: node "n0" (exp): there is no value "missing"'
    assert lines[-1] == "and 30 more problems"


@pytest.mark.parametrize(
    "role",
    [
        {"kind": "gradient", "of": "pruned", "wrt": "weight"},
        {"kind": "gradient", "of": "loss", "wrt": "x"},
        {"kind": "tangent", "of": "pruned"},
        {"kind": "metric"},
    ],
)
def test_an_output_may_belong_to_one_that_was_pruned(role: dict[str, str]) -> None:
    assert Document.from_dict(changed("/outputs/0/role", role)).outputs[0].role is not None


def test_a_derivative_may_have_an_axis_that_its_primal_does_not_have() -> None:
    source = changed("/inputs/-", {"id": "t", "dtype": "float32", "shape": [8], "role": {"kind": "tangent", "of": "x"}})
    source["inputs"].append(
        {"id": "c", "dtype": "float32", "shape": [8, 8], "role": {"kind": "cotangent", "of": "loss"}}
    )
    assert Document.from_dict(source)


def test_a_document_has_at_most_one_loss_scale() -> None:
    scale: dict[str, Any] = {"id": "scale", "dtype": "float32", "shape": [], "role": {"kind": "loss_scale"}}
    source = changed("/inputs/-", scale)
    assert Document.from_dict(source).to_dict()["inputs"][-1] == scale
    source["inputs"].append({**scale, "id": "another", "dtype": "float64"})
    message = 'the inputs "scale" and "another" both have the role loss_scale; a document has at most one'
    assert problems(source) == [Problem("/inputs/3/role", "duplicate_role", message)]
