"""Every transform of random documents from the whole op set: a few here, and many with `make fuzz`."""

import os
from collections import Counter
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from asg_autograd import simplification
from asg_executor.errors import ExecutorError
from asg_schema.op_table import OPS
from transform_harness.calling_documents import calling_document
from transform_harness.chained_documents import chained_document
from transform_harness.properties import PROPERTIES, assert_is_a_document
from transform_harness.random_documents import RandomDocument, random_document, run

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "10"))
"""How many documents each property is tried on. In the suite they are always the same."""


@pytest.mark.parametrize("name", PROPERTIES)
@pytest.mark.parametrize("make", [random_document, chained_document, calling_document])
@settings(max_examples=EXAMPLES, derandomize="FUZZ_EXAMPLES" not in os.environ)
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 7))
def test_transform(name: str, make: Callable[[int, int], RandomDocument], seed: int, steps: int) -> None:
    made = make(seed, steps)
    assert_is_a_document(made.document)
    try:
        run(made.document, made.values)
    except ExecutorError:  # a value that was made smaller is none that its op takes
        assume(False)
    PROPERTIES[name](made, Random(seed))


def test_random_documents_have_every_op_symbols_and_values_of_every_kind() -> None:
    """Else the tests above would say less than they promise."""
    documents = [random_document(seed, 7) for seed in range(300)]
    assert {type(node) for made in documents for node in made.document.nodes} == set(OPS.values())
    assert sum(bool(made.sizes) for made in documents) > 100
    assert sum(bool(made.document.parameters) for made in documents) > 100
    assert any(array.size == 0 for made in documents for array in made.values.values())
    assert any(array.ndim == 0 for made in documents for array in made.values.values())


def test_chained_documents_have_what_most_rewrites_look_for() -> None:
    applied: Counter[str] = Counter()
    for seed in range(150):
        applied.update(simplification(chained_document(seed, 6).document).applied.keys())
    assert len([name for name, documents in applied.items() if documents >= 2]) > 25
