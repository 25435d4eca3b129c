"""The checked-in conformance vectors: up to date, complete, and what their README says."""

import json
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from asg_schema.errors import AsgError
from asg_schema.op import DTypeGroup
from asg_schema.op_table import OPS
from conformance_vectors.case import Case
from conformance_vectors.failures import WITHOUT_INDEX_ERROR, index_operands
from conformance_vectors.files import FOLDER, all_cases, file_text

_MOST_BYTES = 12_000_000
_AGAIN = "write them again: make generate"


@pytest.fixture(scope="module")
def generated() -> dict[str, list[Case]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # references divide by zero and overflow where that is what a sample is about
        return all_cases()


@pytest.fixture(scope="module")
def stored() -> dict[str, list[Case]]:
    return {path.stem: json.loads(path.read_text(encoding="utf-8"))["cases"] for path in FOLDER.glob("*.json")}


def cases_in(files: dict[str, list[Case]]) -> Iterator[Case]:
    for cases in files.values():
        yield from cases


def without_expected_data(case: Case) -> Case:
    expected = {name: {**tensor, "data": None} for name, tensor in case.get("expected", {}).items()}
    return {**case, "expected": expected}


def is_near(a: Any, b: Any, bound: float) -> bool:
    """Equal, or as near as another machine's mathematical library may come."""
    return a == b or (not isinstance(a, str | bool) and not isinstance(b, str | bool) and abs(a - b) <= bound)


def test_the_files_are_up_to_date(generated: dict[str, list[Case]], stored: dict[str, list[Case]]) -> None:
    assert sorted(generated) == sorted(stored), _AGAIN
    for name, cases in generated.items():
        # As JSON has them: numbers read back, tuples as lists.
        cases = json.loads(file_text(name, cases))["cases"]
        assert [case["id"] for case in cases] == [case["id"] for case in stored[name]], _AGAIN
        for case, old in zip(cases, stored[name], strict=True):
            assert without_expected_data(case) == without_expected_data(old), _AGAIN
            for output, tensor in case.get("expected", {}).items():
                for a, b in zip(tensor["data"], old["expected"][output]["data"], strict=True):
                    scale = 0.0 if isinstance(a, str | bool) else abs(a)
                    bound = tensor.get("absolute", 0.0) + tensor.get("relative", 0.0) * scale
                    assert is_near(a, b, bound / 10), f"{case['id']}, {output}: {a} against {b}; {_AGAIN}"


def test_ids_are_unique(stored: dict[str, list[Case]]) -> None:
    ids = [case["id"] for case in cases_in(stored)]
    assert len(set(ids)) == len(ids)


def test_one_case_a_line() -> None:
    for path in FOLDER.glob("*.json"):
        first, *lines, last = path.read_text(encoding="utf-8").splitlines()
        assert first == f'{{"asg_conformance":1,"file":"{path.stem}","cases":['
        assert last == "]}"
        assert all(json.loads(line.removesuffix(","))["id"] for line in lines)


def test_the_files_stay_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.glob("*.json")) < _MOST_BYTES


def test_every_op_has_a_case_of_its_results(stored: dict[str, list[Case]]) -> None:
    found = {case["op"] for case in cases_in(stored) if "op" in case and any(map(is_result, case.get("expected", {})))}
    assert found == set(OPS)


def is_result(name: str) -> bool:
    return re.fullmatch(r"y\d+", name) is not None


def test_every_differentiable_operand_has_a_case_of_its_gradient(stored: dict[str, list[Case]]) -> None:
    missing: list[str] = []
    for op in OPS.values():
        names = {
            output
            for case in cases_in(stored)
            if case.get("op") == op.name
            for output, tensor in case.get("expected", {}).items()
            if tensor["data"]
        }
        places = [place for place, operand in enumerate(op.operands) if operand.differentiable]
        missing.extend(f"{op.name}, operand {place}" for place in places if f"grad.x{place}" not in names)
    assert missing == []


def test_every_op_is_refused_in_some_document(stored: dict[str, list[Case]]) -> None:
    assert {case.get("op") for case in cases_in(stored) if "refused" in case} - {None} == set(OPS)


def test_every_operand_of_indices_has_a_case_that_fails(stored: dict[str, list[Case]]) -> None:
    failing = {case["id"] for case in cases_in(stored) if case.get("fails") == "index_out_of_range"}
    wanted = {
        f"{op.name}.fails.{name}_{what}"
        for op in OPS.values()
        for name in index_operands(op)
        for what in ("beyond", "below")
    }
    assert failing == wanted


def test_no_exception_for_indices_is_stale() -> None:
    declared = {
        (op.name, operand.name) for op in OPS.values() for operand in op.operands if operand.dtypes is DTypeGroup.INDEX
    }
    assert set(WITHOUT_INDEX_ERROR) <= declared


@pytest.mark.parametrize(
    "dtype", ["float16", "bfloat16", "float32", "float64", "int8", "int32", "int64", "uint8", "uint32", "bool"]
)
def test_every_dtype_comes_in_and_goes_out(stored: dict[str, list[Case]], dtype: str) -> None:
    for field in ("inputs", "expected"):
        tensors: list[Any] = [tensor for case in cases_in(stored) for tensor in case.get(field, {}).values()]
        assert dtype in {cast("Case", tensor)["dtype"] for tensor in tensors if isinstance(tensor, dict)}, field


def test_fields_of_cases_are_those_of_the_readme(stored: dict[str, list[Case]]) -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    described = set(re.findall(r"^\| `(\w+)` \|", readme, re.MULTILINE))
    tensors = [tensor for case in cases_in(stored) for tensor in case.get("expected", {}).values()]
    used = {key for case in cases_in(stored) for key in case} | {key for tensor in tensors for key in tensor}
    assert used <= described
    assert all("document" in case or "text" in case for case in cases_in(stored))
    assert all(len({"expected", "refused", "fails"} & set(case)) == 1 for case in cases_in(stored))


def test_codes_of_runs_that_fail_are_those_of_the_readme(stored: dict[str, list[Case]]) -> None:
    table = (FOLDER / "README.md").read_text(encoding="utf-8").partition("| code of a run that fails |")[2]
    described = set(re.findall(r"^\| `(\w+)` \|", table.partition("\n\n")[0], re.MULTILINE))
    assert described == {case["fails"] for case in cases_in(stored) if "fails" in case}


def test_a_gradient_that_is_wrong_stops_the_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    from conformance_vectors import gradients
    from conformance_vectors.samples import gradient_case
    from op_samples import ALL_SAMPLES

    sample = next(sample for sample in ALL_SAMPLES if sample.id == "tanh.smooth")
    right = gradients.asg_executor.run

    def wrong(*arguments: Any, **options: Any) -> dict[str, Any]:
        results = right(*arguments, **options)
        return {name: value * 1.001 if name.startswith("grad.") else value for name, value in results.items()}

    monkeypatch.setattr(gradients.asg_executor, "run", wrong)
    with pytest.raises(ValueError, match=r"^tanh\.smooth: grad\.x0 is .*; central differences say "):
        gradient_case(sample)


def test_vectors_of_another_version_are_refused(tmp_path: Path) -> None:
    from asg_builder.conformance import read_cases

    (tmp_path / "new.json").write_text('{"asg_conformance": 2, "cases": []}')
    with pytest.raises(AsgError, match=r"new\.json: asg_conformance is 2; this command knows 1$"):
        read_cases(tmp_path)
