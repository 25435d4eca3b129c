"""Whatever planning does to a program, the results stay those of a plain evaluation, and no live memory is shared."""

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asg_executor.engines.memory import Memory
from asg_executor.engines.numpy_engine import NumpyEngine
from asg_executor.plan.plan import Plan
from executor.plan.random_documents import Array, evaluate_plainly, random_document, random_inputs


def assert_same(actual: dict[str, Array], expected: dict[str, Array]) -> None:
    assert actual.keys() == expected.keys()
    for name, wanted in expected.items():
        np.testing.assert_allclose(actual[name], wanted, rtol=1e-9, atol=1e-9, err_msg=name)


@settings(max_examples=150)
@given(random=st.randoms(use_true_random=False), nodes=st.integers(1, 40))
def test_small_programs_compute_what_a_plain_evaluation_does(random: Random, nodes: int) -> None:
    document = random_document(random, "small", nodes)
    executable = NumpyEngine().compile(document, {})
    for seed in (0, 1):
        inputs = random_inputs(document, seed)
        assert_same(executable(inputs), evaluate_plainly(document, inputs))


@settings(max_examples=25)
@given(random=st.randoms(use_true_random=False), nodes=st.integers(1, 25))
def test_tiled_programs_compute_what_a_plain_evaluation_does(random: Random, nodes: int) -> None:
    document = random_document(random, "large", nodes)
    inputs = random_inputs(document, 0)
    assert_same(NumpyEngine().compile(document, {})(inputs), evaluate_plainly(document, inputs))


@settings(max_examples=100)
@given(random=st.randoms(use_true_random=False), nodes=st.integers(1, 40))
def test_programs_that_read_bound_arrays_and_write_their_outputs_into_them(random: Random, nodes: int) -> None:
    """Each output that has the type of an input is written over it."""
    document = random_document(random, "small", nodes)
    inputs = random_inputs(document, 0)
    expected = evaluate_plainly(document, inputs)
    bound = {name: np.array(array) for name, array in inputs.items()}
    free = dict(bound)
    destinations: dict[str, Array] = {}
    for name, wanted in expected.items():
        fitting = [source for source, array in free.items() if array.shape == wanted.shape]
        if fitting and bound[fitting[0]].dtype == wanted.dtype:
            destinations[name] = free.pop(random.choice(fitting[:1]))
    executable = NumpyEngine().compile(document, {}, bound=bound, destinations=destinations)
    results = executable({})
    assert_same({**results, **destinations}, expected)
    for name, array in free.items():
        np.testing.assert_array_equal(array, inputs[name])


def live_ranges(plan: Plan) -> dict[str, tuple[int, int]]:
    """For each root in the arena the stages between which its content is needed, found anew from the layouts."""
    ranges: dict[str, tuple[int, int]] = dict.fromkeys(plan.inputs, (-1, -1))
    for number, stage in enumerate(plan.stages):
        for instruction in stage.instructions:
            for result in instruction.results:
                ranges[result] = (number, number)
            for operand in instruction.operands:
                root = plan.layouts[operand].root
                if root in ranges:
                    ranges[root] = (ranges[root][0], number)
    for value in (*plan.returned.values(), *plan.written.values()):
        root = plan.layouts[value].root
        if root in ranges:
            ranges[root] = (ranges[root][0], len(plan.stages))
    return {root: ends for root, ends in ranges.items() if plan.places[root].kind == "arena"}


@pytest.mark.parametrize("size", ["small", "large"])
@settings(max_examples=60)
@given(seed=st.integers(0, 2**32))
def test_no_two_live_values_share_memory(size: str, seed: int) -> None:
    document = random_document(Random(seed), size, 30)
    plan = NumpyEngine().plan(document, {})
    memory = Memory(plan, {}, {})
    ranges = live_ranges(plan)
    roots = list(ranges)
    for index, a in enumerate(roots):
        for b in roots[:index]:
            (a_begin, a_end), (b_begin, b_end) = ranges[a], ranges[b]
            # One may die in the stage that computes the other: that result has then taken over its memory.
            if max(a_begin, b_begin) < min(a_end, b_end):
                assert not np.shares_memory(memory.array(a), memory.array(b)), (a, b)
