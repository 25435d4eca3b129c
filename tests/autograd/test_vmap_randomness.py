"""Random keys under `vmap`: split for each example, shared, or given for each."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

import asg_builder as asg
from asg_autograd import grad, vmap
from asg_executor import Session
from asg_schema.document import Document
from asg_schema.initializers import Ones
from op_samples.sample import Array
from op_samples.threefry import random_word

Run = Callable[[Document, Mapping[str, Any], Sequence[str]], dict[str, Array]]

COUNT = 5
KEY = np.array([17, 42], np.uint32)


def noisy() -> Document:
    """Two draws with keys that are derived from one, and each kind of distribution."""
    with asg.graph("noisy") as g:
        x = asg.input("x", (3, 4))
        key = asg.rng_key()
        g.output(
            dropped=asg.dropout(x, p=0.5),
            again=asg.dropout(x, p=0.5),
            bits=asg.rng_bits(key, (2,)),
            uniform=asg.uniform(key, shape=(3,)),
            normal=asg.normal(key, shape=(2, 2)) + asg.sum(x),
            coin=asg.bernoulli(key, asg.sigmoid(x)),
            choice=asg.categorical(key, x),
        )
    return g.document()


def outputs_of(document: Document) -> list[str]:
    return [output.name for output in document.outputs]


@pytest.fixture
def point() -> dict[str, Array]:
    x = np.random.default_rng(1).normal(size=(COUNT, 3, 4)).astype(np.float32)
    return {"x": x, "rng_key": KEY}


def key_of(example: int) -> Array:
    """The key of an example as the documentation has it: `rng_bits(key, [2], offset=2·i)`."""
    return np.array([random_word((17, 42), 2 * example + word) for word in (0, 1)], np.uint32)


def assert_as_with_keys(
    run: Run, mapped: Document, given: Mapping[str, Any], point: Mapping[str, Array], keys: Sequence[Array]
) -> None:
    document = noisy()
    found = run(mapped, given, outputs_of(document))
    for example, key in enumerate(keys):
        alone = run(document, {"x": point["x"][example], "rng_key": key}, outputs_of(document))
        for name, expected in alone.items():
            np.testing.assert_allclose(
                found[name][example], expected, rtol=1e-5, atol=1e-5, err_msg=f"{name}, {example}"
            )


@pytest.mark.parametrize("size", ["examples", COUNT])
def test_every_example_has_a_key_of_its_own(size: str | int, run: Run, point: dict[str, Array]) -> None:
    mapped = vmap(noisy(), size=size)
    assert mapped.inputs[1] == noisy().inputs[1]  # with its role: a session derives the key
    assert_as_with_keys(run, mapped, point, point, [key_of(example) for example in range(COUNT)])


def test_examples_draw_independently(run: Run) -> None:
    document = vmap(noisy(), size=4000)
    point = {"x": np.ones((4000, 3, 4), np.float32), "rng_key": KEY}
    found = run(document, point, ["dropped", "again", "uniform"])
    dropped, again = (found[name].reshape(4000, -1) > 0 for name in ("dropped", "again"))
    rates = [
        dropped.mean(),
        (dropped == again).mean(),
        (dropped[1:] == dropped[:-1]).mean(),
        (dropped[:, 1:] == dropped[:, :-1]).mean(),
        (dropped[1:] == again[:-1]).mean(),
    ]
    np.testing.assert_allclose(rates, 0.5, atol=0.02)  # six standard deviations of 40,000 bits and more
    assert len(np.unique(found["uniform"])) > 11_900


def test_a_key_may_be_shared(run: Run, point: dict[str, Array]) -> None:
    mapped = vmap(noisy(), {"x": 0, "rng_key": None})
    assert_as_with_keys(run, mapped, point, point, [KEY] * COUNT)


def test_keys_may_be_mapped(run: Run, point: dict[str, Array]) -> None:
    keys = np.arange(2 * COUNT, dtype=np.uint32).reshape(COUNT, 2)
    mapped = vmap(noisy(), {"x": 0, "rng_key": 0})
    assert (str(mapped.inputs[1].type), mapped.inputs[1].role) == ("uint32[examples, 2]", None)
    assert_as_with_keys(run, mapped, {**point, "rng_key": keys}, point, list(keys))
    alone = vmap(noisy(), {"rng_key": 1}, size=COUNT)
    same = np.repeat(point["x"][:1], COUNT, axis=0)
    given = {"x": point["x"][0], "rng_key": keys.T}
    assert_as_with_keys(run, alone, given, {"x": same}, list(keys))


def test_a_key_without_a_role_is_split_where_that_is_said(run: Run, point: dict[str, Array]) -> None:
    text = noisy().to_json().replace(', "role": {"kind": "rng_key"}', "")
    document = Document.from_json(text)
    mapped = vmap(document, {"x": 0, "rng_key": "split"})
    assert_as_with_keys(run, mapped, point, point, [key_of(example) for example in range(COUNT)])


def test_examples_within_examples_draw_independently(run: Run) -> None:
    twice = vmap(vmap(noisy(), size=3), {"x": 0}, size=4)
    x = np.ones((4, 3, 3, 4), np.float32)
    bits = run(twice, {"x": x, "rng_key": KEY}, ["bits"])["bits"]
    assert bits.shape == (4, 3, 2)
    assert len(np.unique(bits)) == 24


def test_a_session_trains_with_keys_of_each_example() -> None:
    with asg.graph("model") as g:
        x = asg.input("x", (8,))
        weight = asg.parameter("weight", (8,), init=Ones())
        g.output(loss=asg.mean(asg.dropout(x * weight, p=0.5)))
    mapped = vmap(g.document(), size="batch")
    with_mean = grad(_mean_of(mapped))
    session = Session({"train": with_mean}, {"kind": "sgd", "learning_rate": 0.1})
    first = session.step({"x": np.ones((64, 8), np.float32)}, ["each", "loss"])
    assert len(np.unique(first["each"])) > 3  # some of nine possible means


def _mean_of(document: Document) -> Document:
    source = document.to_dict()
    value = source["outputs"][0]["value"]
    source["nodes"].append({"id": "mean_of_all", "op": "mean", "inputs": [value]})
    source["outputs"] = [{"name": "each", "value": value}, {"name": "loss", "value": "mean_of_all"}]
    return Document.from_dict(source)
