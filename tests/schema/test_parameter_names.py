"""Files of weights and the parameters that they are for: by name, prefix and shape."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from asg_schema import AsgError
from asg_schema.dtype import DType
from asg_schema.parameter_names import ParameterNames, match_parameters, rename
from asg_schema.tensor_type import TensorType

DECLARED = {
    name: TensorType(DType.FLOAT32, shape)
    for name, shape in {"net.conv.weight": (8, 3, 3), "net.conv.bias": (8,), "net.count": ()}.items()
}
PLAIN = {"conv.weight": (8, 3, 3), "conv.bias": (8,), "count": ()}


def match(
    given: Mapping[str, Sequence[int]],
    *,
    source: str = "file",
    metadata: Mapping[str, str] | None = None,
    **options: Any,
) -> ParameterNames:
    """With tensors of which each has other elements than the rest."""
    return match_parameters(DECLARED, given, source=source, content=str.encode, metadata=metadata or {}, **options)


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("", "encoder.layers.0.weight"),
        ("model.", "model.encoder.layers.0.weight"),
        ({}, "encoder.layers.0.weight"),
        ({"encoder.": "backbone."}, "backbone.layers.0.weight"),
        ({"": "model.", "encoder.": "backbone.", "encoder.layers.": "blocks."}, "blocks.0.weight"),
        ({"": "model.", "decoder.": "head."}, "model.encoder.layers.0.weight"),
    ],
)
def test_names(prefix: Any, expected: str) -> None:
    assert rename("encoder.layers.0.weight", prefix) == expected


def test_what_fits() -> None:
    found = match(PLAIN, prefix="net.")
    assert found.sources == {"net.conv.weight": "conv.weight", "net.conv.bias": "conv.bias", "net.count": "count"}
    assert (found.missing, found.unexpected) == ([], [])


def test_all_that_does_not_fit_is_told_at_once() -> None:
    given = {"conv.weight": (3, 8, 3), "conv.bais": (8,), "head.weight": (2, 2)}
    with pytest.raises(AsgError) as caught:
        match(given, source="w.safetensors", prefix="net.")
    assert str(caught.value).splitlines() == [
        "w.safetensors: 5 problems with its parameters",
        '"conv.weight", the parameter "net.conv.weight", has the shape [3, 8, 3]; [8, 3, 3] is needed',
        '"conv.bais" is no parameter (as "net.conv.bais"); did you mean "net.conv.bias"?',
        '"head.weight" is no parameter (as "net.head.weight")',
        'the parameter "net.conv.bias" float32[8] is missing; did you mean "net.conv.bais"?',
        'the parameter "net.count" float32[] is missing',
    ]


def test_what_may_be_missing_or_unexpected_is_told() -> None:
    given = {"net.conv.bias": (8,), "net.other": ()}
    found = match(given, may_be_missing=True, may_be_unexpected=True)
    assert found.sources == {"net.conv.bias": "net.conv.bias"}
    assert (found.missing, found.unexpected) == (["net.conv.weight", "net.count"], ["net.other"])
    with pytest.raises(AsgError, match=r'"net\.other" is no parameter'):
        match(given, may_be_missing=True)
    with pytest.raises(AsgError, match=r"2 problems.*\n.*conv.weight.*missing\n.*count.*missing"):
        match(given, may_be_unexpected=True)
    wrong = {"net.conv.bias": (9,)}
    with pytest.raises(AsgError, match=r"has the shape \[9\]; \[8\] is needed"):
        match(wrong, may_be_missing=True, may_be_unexpected=True)


def test_a_prefix_that_would_make_all_names_fit_is_named() -> None:
    with pytest.raises(AsgError, match=r'with the prefix "net\." before the names of the file'):
        match(PLAIN)
    with pytest.raises(AsgError) as caught:
        match({**PLAIN, "other": ()})
    assert "with the prefix" not in str(caught.value)


def test_two_tensors_cannot_be_one_parameter() -> None:
    given = {**PLAIN, "head.bias": (8,)}
    with pytest.raises(AsgError, match=r'"conv\.bias" and "head\.bias" are both the parameter "net\.conv\.bias"'):
        match(given, prefix={"": "net.", "head.": "net.conv."})


def test_a_long_list_of_problems_is_cut() -> None:
    with pytest.raises(AsgError, match=r"and 203 more problems$"):
        match({f"x{i}": () for i in range(300)})


def test_a_tensor_under_a_second_name() -> None:
    declared = {"embed.weight": TensorType(DType.FLOAT32, (2, 2)), "bias": TensorType(DType.FLOAT32, (2,))}
    given = {"embed.weight": (2, 2), "bias": (2,), "head.weight": (2, 2)}
    content = {"embed.weight": b"abcd", "bias": b"00", "head.weight": b"abcd", "head.bias": b"00"}

    def matched(**changed: bytes) -> ParameterNames:
        found = {**content, **changed}
        return match_parameters(
            declared, given, source="file", content=lambda name: found[name], metadata={}, prefix=prefix
        )

    prefix: Any = ""
    assert matched().second_names == {"head.weight": "embed.weight"}
    assert matched().unexpected == []
    with pytest.raises(AsgError, match=r'"head\.weight" is no parameter'):
        matched(**{"head.weight": b"abce"})
    prefix = {"head.": "embed."}
    assert matched().sources["embed.weight"] == "embed.weight"
    with pytest.raises(AsgError, match=r'"embed\.weight" and "head\.weight" are both the parameter'):
        matched(**{"head.weight": b"abce"})
    # Two biases of zeros are not one.
    given["head.bias"], prefix = (2,), ""
    with pytest.raises(AsgError, match=r'1 problem.*\n"head\.bias" is no parameter'):
        matched()


def test_other_names_in_the_metadata() -> None:
    metadata = {"conv.weight": "first.weight", "other.bias": "conv.bias", "format": "pt", "count": "5"}
    given = {"first.weight": (8, 3, 3), "conv.bias": (8,), "count": ()}
    found = match(given, metadata=metadata, prefix="net.")
    assert found.sources == {"net.conv.weight": "first.weight", "net.conv.bias": "conv.bias", "net.count": "count"}
    assert (found.unexpected, found.second_names) == ([], {})
    with pytest.raises(AsgError, match=r'"first\.weight", the parameter "net\.conv\.weight", has the shape \[3\]'):
        match(given | {"first.weight": (3,)}, metadata=metadata, prefix="net.")
