"""Documents that are refused: the nodes that ops refuse, what every op's declaration refuses, and faulty documents."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from asg_schema.document import Document
from asg_schema.dtype import DType
from asg_schema.errors import DocumentError
from asg_schema.op import Op
from asg_schema.op_table import OPS
from conformance_vectors.case import Case, refused_case, without_name
from op_samples import ALL_SAMPLES
from op_samples.faults import FAULTS, changed
from op_samples.problems import single_node_document
from op_samples.refusals import ALL_CASES
from op_samples.sample import Sample, sample_document

__all__ = ["cases_of_faults", "cases_of_refusals"]

_SAMPLE_OF: dict[str, Sample] = {sample.op.name: sample for sample in reversed(ALL_SAMPLES)}

_TEXTS = {
    "repeated_key": '{"asg":1,"asg":1}',
    "not_a_number": '{"asg":1,"metadata":{"a":NaN}}',
    "trailing_comma": '{"asg":1,}',
    "more_than_one_value": '{"asg":1} {"asg":1}',
    "infinite_number": '{"asg":1,"metadata":{"a":1e999}}',
    "half_a_surrogate_pair": '{"asg":1,"metadata":{"a":"\\ud800"}}',
    "nothing": "",
}


def cases_of_refusals() -> Iterator[tuple[str, Case]]:
    """Each case with the family of its op."""
    numbers: Counter[str] = Counter()
    for case in ALL_CASES:
        source = single_node_document(case.op, case.types, case.attributes)
        id = f"{case.op}.refused.{case.pointer.strip('/').replace('/', '_')}"
        numbers[id] += 1
        id += f"_{numbers[id]}"
        yield OPS[case.op].family(), _refused(id, case.op, source, f"/nodes/0{case.pointer}")
    for op in OPS.values():
        for what, source, pointer in _declared(op):
            yield op.family(), _refused(f"{op.name}.refused.{what}", op.name, source, pointer)


def _refused(id: str, op: str | None, source: Mapping[str, Any], pointer: str) -> Case:
    """A case whose first problem is at `pointer`; the codes, and what else is found, are what the reader says.

    Raises:
        ValueError: the reader says otherwise.
    """
    problems = _problems(json.dumps(source))
    if not problems or problems[0][0] != pointer:
        raise ValueError(f"{id}: the problems are {problems}; the first is to be at {pointer}")
    return refused_case(id, op, source, problems)


def _problems(text: str) -> list[tuple[str, str]]:
    try:
        Document.from_json(text)
    except DocumentError as error:
        return [(problem.pointer, problem.code) for problem in error.problems]
    return []


def _declared(op: type[Op]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """What an op's declaration refuses: what it is, the document, and where its problem is."""
    source = without_name(sample_document(_SAMPLE_OF[op.name]))
    (node,) = source["nodes"]

    def with_node(**fields: Any) -> dict[str, Any]:
        return {**source, "nodes": [{**node, **fields}]}

    yield "unknown_attribute", with_node(colour="red"), "/nodes/0/colour"
    for name in op.attributes:
        if op.model_fields[name].is_required():
            kept = {key: value for key, value in node.items() if key != name}
            yield f"without_{name}", {**source, "nodes": [kept]}, f"/nodes/0/{name}"
    if not op.operands:
        return
    required = sum(not operand.optional for operand in op.operands)
    yield "too_few_operands", with_node(inputs=node["inputs"][: required - 1]), "/nodes/0/inputs"
    if not op.operands[-1].variadic:
        more = [*node["inputs"], *[node["inputs"][0]] * (len(op.operands) + 1 - len(node["inputs"]))]
        yield "too_many_operands", with_node(inputs=more), "/nodes/0/inputs"
    for place, operand in enumerate(op.operands[: len(node["inputs"])]):
        if operand.dtypes.value != frozenset(DType):
            wrong = next(dtype for dtype in DType if dtype not in operand.dtypes.value)
            inputs = [
                {**item, "dtype": wrong.value} if index == place else item
                for index, item in enumerate(source["inputs"])
            ]
            yield f"dtype_of_{operand.name}", {**source, "inputs": inputs}, f"/nodes/0/inputs/{place}"


def cases_of_faults() -> Iterator[Case]:
    """Faulty documents, and texts that are no JSON."""
    for place, (where, value, pointer, code, _) in enumerate(FAULTS):
        source = changed(where, value)
        problems = _problems(json.dumps(source))
        if problems != [("", "invalid_json")] and problems[0] != (pointer, code):
            raise ValueError(f"fault {place}: the problems are {problems}; the first is to be {(pointer, code)}")
        yield refused_case(f"document.{code}.{place}", None, source, problems)
    yield refused_case("document.missing_field.asg", None, {}, [("/asg", "missing_field")])
    for what, text in _TEXTS.items():
        if _problems(text) != [("", "invalid_json")]:
            raise ValueError(f"{what}: {_problems(text)}")
        yield {"id": f"document.text.{what}", "text": text, "refused": [{"pointer": "", "code": "invalid_json"}]}
