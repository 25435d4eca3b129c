"""Graphs: what is current, what an interface may say, scopes, and random keys."""

import asyncio
import re
from collections.abc import Callable
from threading import Thread

import numpy as np
import pytest

import asg_builder as asg
import asg_executor
from asg_builder import initializers
from asg_schema import AsgError, DocumentError
from asg_schema.roles import MetricRole, RngKeyRole, StateUpdateRole


@pytest.mark.parametrize(
    "function",
    [
        lambda: asg.input("x"),
        lambda: asg.parameter("w", (2,)),
        lambda: asg.constant(1.0),
        lambda: asg.zeros((2,)),
        asg.rng_key,
        asg.current_graph,
    ],
)
def test_without_an_open_graph_there_is_a_helpful_error(function: Callable[[], object]) -> None:
    with pytest.raises(AsgError, match=r'no graph is open here; write "with asg\.graph'):
        function()


def test_graphs_nest() -> None:
    with asg.graph("outer") as outer:
        x = asg.input("x")
        with asg.graph("inner") as inner:
            assert asg.current_graph() is inner
            asg.input("x")
            with pytest.raises(AsgError, match='"outer", and "inner" is open'):
                _ = x + 1
        assert asg.current_graph() is outer
        _ = x + 1


def test_a_graph_closes_when_its_block_fails() -> None:
    with pytest.raises(RuntimeError), asg.graph():
        raise RuntimeError
    with pytest.raises(AsgError):
        asg.current_graph()


def test_a_graph_may_be_opened_again_and_extended_outside() -> None:
    with asg.graph() as g:
        x = asg.input("x", (2,))
    y = x * 2
    with g:
        z = y + asg.ones((2,))
    g.output(z=z)
    np.testing.assert_array_equal(asg_executor.run(g.document(), {"x": np.array([1, 2], np.float32)})["z"], [3, 5])


def test_threads_and_tasks_have_their_own_current_graph() -> None:
    found: list[str] = []

    def look() -> None:
        with pytest.raises(AsgError):
            asg.current_graph()
        with asg.graph("thread"):
            found.append(asg.current_graph().name)

    async def build(name: str) -> str:
        with asg.graph(name):
            await asyncio.sleep(0)
            return asg.current_graph().name

    async def build_both() -> list[str]:
        return list(await asyncio.gather(build("one"), build("two")))

    with asg.graph("main"):
        thread = Thread(target=look)
        thread.start()
        thread.join()
        assert asg.current_graph().name == "main"
    assert found == ["thread"]
    assert asyncio.run(build_both()) == ["one", "two"]


def test_values_of_two_graphs_do_not_mix() -> None:
    with asg.graph("a"):
        x = asg.input("x", (2,))
    with asg.graph("b") as b:
        y = asg.input("y", (2,))
    with pytest.raises(AsgError, match='"y" belongs to another graph'):
        _ = x + y
    with pytest.raises(AsgError, match="belongs to another graph"):
        b.output(x=x)


def test_the_interface_of_a_document() -> None:
    with asg.graph("g") as g:
        x = asg.input("x", ("batch", asg.symbol("batch") * 2, 3), np.int32)
        w = asg.parameter("w", (3,), "float64", init=initializers.Uniform(low=-1, high=2), trainable=False)
        g.output(x=x)
        g.metric(total=asg.sum(w))
        g.update_state(w, w * 0.5)
    document = asg.Document.from_json(g.document(metadata={"by": "test"}).to_json())
    assert [str(item.type) for item in document.inputs] == ["int32[batch, 2*batch, 3]"]
    (parameter,) = document.parameters
    assert (parameter.init, parameter.trainable) == (initializers.Uniform(low=-1, high=2), False)
    assert [item.role for item in document.outputs] == [None, MetricRole(), StateUpdateRole(of="w")]
    assert [item.name for item in document.outputs] == ["x", "total", "update.w"]
    assert (document.name, document.metadata) == ("g", {"by": "test"})
    assert repr(g) == "Graph('g', 1 inputs, 1 parameters, 3 nodes, outputs: x, total, update.w)"


def test_a_state_update_is_committed_by_a_step() -> None:
    with asg.graph() as g:
        count = asg.parameter("count", (), trainable=False)
        g.update_state(count, count + 1)
        g.output(before=count)
    session = asg_executor.Session({"train": g.document()})
    assert [float(session.step({})["before"]) for _ in range(3)] == [0, 1, 2]


def refused() -> list[tuple[Callable[[], object], type[Exception], str]]:
    g = asg.current_graph()
    x, w = asg.input("x", (2,)), asg.parameter("w", (2,))
    state = asg.parameter("state", (2,), trainable=False)
    g.output(x=x)
    return [
        (lambda: asg.input("x"), AsgError, 'the id "x" is taken'),
        (lambda: asg.input("1x"), DocumentError, 'input "1x": id is'),
        (lambda: asg.parameter("a b", (2,)), DocumentError, 'parameter "a b": id is'),
        (lambda: asg.parameter("n", ("batch",)), DocumentError, 'parameter "n": shape entry'),
        (lambda: asg.parameter("n", (-1,)), DocumentError, 'parameter "n": shape entry'),
        (lambda: asg.input("n", (1.5,)), TypeError, "a dim is an int, a symbol"),  # pyright: ignore[reportArgumentType] - wrong on purpose
        (lambda: asg.input("n", (True,)), TypeError, "a dim is an int, a symbol"),
        (lambda: asg.input("n", ("two words",)), AsgError, "two words"),
        (lambda: asg.input("n", (2,), "float23"), ValueError, 'did you mean "float32"'),
        (lambda: asg.input("n", (2,), np.complex64), ValueError, 'no dtype "complex64"'),
        (lambda: g.output(x=w), AsgError, 'already has an output "x"'),
        (lambda: g.output(y=1.0), TypeError, 'output "y" is a float'),  # pyright: ignore[reportArgumentType] - wrong on purpose
        (lambda: g.output(**{"y" * 256: w}), DocumentError, 'name is "yyy'),
        (lambda: g.update_state(w, w), AsgError, '"w" is not a parameter of this graph with trainable=False'),
        (lambda: g.update_state(x, w), AsgError, '"x" is not a parameter'),
        (lambda: g.update_state(state, state[:1]), AsgError, "the types must be equal"),
        (lambda: asg.graph(""), ValueError, "1 to 255"),
    ]


def test_what_an_interface_may_not_say() -> None:
    with asg.graph():
        for call, kind, message in refused():
            with pytest.raises(kind, match=re.escape(message)):
                call()


def test_name_scopes_nest_and_leave_the_digest() -> None:
    def build(scope: str) -> asg.Document:
        with asg.graph() as g:
            x = asg.input("x", (2,))
            with asg.name_scope(scope), asg.name_scope("inner"):
                y = x + x
            g.output(y=y + y)
        return g.document()

    one, other = build("outer"), build("another")
    assert [node.id for node in one.nodes] == ["outer.inner.add", "add"]
    assert one.digest == other.digest


def test_every_random_key_is_another() -> None:
    with asg.graph() as g:
        keys = [asg.rng_key() for _ in range(3)]
        g.output(bits=asg.stack([asg.rng_bits(key, (1000,)) for key in keys]))
    document = g.document()
    (item,) = document.inputs
    assert (item.id, item.role, str(item.type)) == ("rng_key", RngKeyRole(), "uint32[2]")
    assert [getattr(node, "offset", None) for node in document.nodes[:3]] == [0, 2, 4]
    bits = asg_executor.run(document, {"rng_key": np.array([1, 2], np.uint32)})["bits"]
    assert len(np.unique(bits)) > 2990


def test_an_input_has_no_negative_size() -> None:
    with (
        asg.graph("wrong"),
        pytest.raises(AsgError, match=r'input "x": axis 0 is -1; a size of at least 0, or a symbol'),
    ):
        asg.input("x", (-1, 3))
