"""`asg.function`: Python functions as functions of a document."""

from collections.abc import Sequence

import numpy as np
import pytest
from typing_extensions import override

import asg_builder as asg
import asg_executor
from asg_autograd import grad
from asg_builder import nn
from asg_schema import AsgError, Document, DocumentError
from asg_schema.composites.control import Call


def checked(document: Document) -> Document:
    again = Document.from_json(document.to_json())
    assert again == document
    assert again.types == document.types
    return document


def passed_on(x: asg.Tensor, y: asg.Tensor, cotangent: asg.Tensor) -> asg.Tensor:
    """The `vjp` of the identity, for a function of one tensor."""
    return cotangent


def calls(document: Document) -> list[str]:
    return [node.function_name for node in document.nodes if isinstance(node, Call)]


def test_code_runs_once_for_each_combination_of_operand_types() -> None:
    runs: list[int] = []

    @asg.function
    def block(x: asg.Tensor, weight: asg.Tensor) -> asg.Tensor:
        runs.append(1)
        return asg.tanh(x @ weight) + x

    with asg.graph("model") as g:
        x = asg.input("x", ("batch", 4))
        for index in range(12):
            x = block(x, asg.parameter(f"w{index}", (4, 4)))
        tokens = block(asg.input("z", ("tokens", 4)), asg.parameter("v", (4, 4)))  # a symbol is a symbol
        fixed = block(asg.input("f", (3, 4)), asg.parameter("u", (4, 4)))
        g.output(y=x, tokens=tokens, fixed=fixed)
    document = checked(g.document())
    assert len(runs) == 2
    assert calls(document) == ["block"] * 13 + ["block_2"]
    assert [node.id for node in document.nodes[:3]] == ["block", "block_1", "block_2"]
    assert [item.id for item in document.functions["block"].inputs] == ["x", "weight"]


def test_the_same_graph_built_twice_is_the_same_text() -> None:
    @asg.function
    def scaled(x: asg.Tensor, by: float) -> asg.Tensor:
        return x * by

    def built(by: float) -> str:
        with asg.graph() as g:
            g.output(y=scaled(asg.input("x", ("n",)), by))
        return g.document().to_json()

    assert built(3.0) == built(3.0) != built(2.0)


def test_values_are_those_of_the_code() -> None:
    @asg.function
    def both(
        x: asg.Tensor, pair: tuple[asg.Tensor, asg.Tensor], *, power: int, scales: dict[str, asg.Tensor]
    ) -> tuple[asg.Tensor, asg.Tensor]:
        first, second = pair
        for _ in range(power - 1):
            x = x * x
        return x * scales["a"] + first, asg.sum(second, axis=0)

    with asg.graph() as g:
        x, a, b, s = (asg.input(name, ("n",)) for name in "xabs")
        y, z = both(x, (a, b), power=3, scales={"a": s})
        g.output(y=y, z=z)
    document = checked(g.document())
    assert [item.id for item in document.functions["both"].inputs] == ["x", "pair.0", "pair.1", "scales.a"]
    given = {name: np.arange(1, 4, dtype=np.float32) + index for index, name in enumerate("xabs")}
    found = asg_executor.run(document, given)
    np.testing.assert_allclose(found["y"], given["x"] ** 4 * given["s"] + given["a"])
    np.testing.assert_allclose(found["z"], np.sum(given["b"]))


def test_other_arguments_are_fixed_in_the_nodes() -> None:
    @asg.function
    def shifted(x: asg.Tensor, by: float = 1.0, twice: bool = False) -> asg.Tensor:
        return x + by + (by if twice else 0.0)

    with asg.graph() as g:
        x = asg.input("x", ())
        g.output(a=shifted(x), b=shifted(x, 2.0), c=shifted(x, twice=True), d=shifted(x, 1.0))
    document = checked(g.document())
    assert calls(document) == ["shifted", "shifted_2", "shifted_3", "shifted"]
    found = asg_executor.run(document, {"x": np.float32(0.5)})
    assert [float(found[name]) for name in "abcd"] == [1.5, 2.5, 2.5, 1.5]


def test_functions_call_functions_and_share_them() -> None:
    @asg.function
    def square(x: asg.Tensor) -> asg.Tensor:
        return x * x

    @asg.function
    def fourth(x: asg.Tensor) -> asg.Tensor:
        return square(square(x))

    with asg.graph() as g:
        x = asg.input("x", ("n", 2))
        g.output(y=fourth(x) + square(x))
    document = checked(g.document())
    assert set(document.functions) == {"square", "fourth"}
    found = asg_executor.run(document, {"x": np.array([[2.0, 3.0]], np.float32)})
    np.testing.assert_array_equal(found["y"], [[20.0, 90.0]])


def test_two_functions_of_one_name_are_told_apart_by_a_number() -> None:
    first = asg.function(name="f")(asg.sin)
    second = asg.function(name="f")(asg.cos)
    with asg.graph() as g:
        x = asg.input("x", ("n",))
        g.output(y=first(second(x)))
    document = checked(g.document())
    assert calls(document) == ["f", "f_2"]
    found = asg_executor.run(document, {"x": np.array([0.5])})
    np.testing.assert_allclose(found["y"], np.sin(np.cos(0.5)), rtol=1e-6)


def test_dims_that_are_expressions() -> None:
    @asg.function
    def joined(x: asg.Tensor, y: asg.Tensor) -> asg.Tensor:
        return asg.concat((x, y), axis=0)

    with asg.graph() as g:
        x = asg.input("x", ("n",))
        twice = joined(x, x)
        # n stands alone in the first operand, so 2n is known to be its double; m + 1 stands for itself.
        g.output(a=joined(x, twice), b=joined(asg.input("z", (asg.input("m", ("m",)).shape[0] + 1,)), twice))
    document = checked(g.document())
    assert [str(item.shape[0]) for item in document.functions["joined_2"].inputs] == ["n", "2*n"]
    assert [str(item.shape[0]) for item in document.functions["joined_3"].inputs] == ["size0", "size1"]
    n = np.arange(3, dtype=np.float32)
    found = asg_executor.run(document, {"x": n, "m": n[:1], "z": n[:2]})
    assert (found["a"].shape, found["b"].shape) == ((9,), (8,))


def test_a_straight_through_estimator() -> None:
    @asg.function(vjp=passed_on)
    def straight_through(x: asg.Tensor) -> asg.Tensor:
        return asg.round(x)

    with asg.graph() as g:
        x = asg.input("x", ("n",))
        g.output(loss=asg.sum(straight_through(x) * x))
    document = checked(grad(checked(g.document()), wrt=["x"]))
    x = np.array([0.25, 1.75, -2.25], np.float32)
    np.testing.assert_allclose(asg_executor.run(document, {"x": x})["grad.x"], np.round(x) + x)
    assert set(document.functions) == {"straight_through", "straight_through.vjp"}


def test_a_vjp_has_the_other_arguments_by_name_and_none_is_zeros() -> None:
    def backward(
        x: asg.Tensor, index: asg.Tensor, y: asg.Tensor, g: asg.Tensor, *, limit: float
    ) -> Sequence[asg.Tensor | None]:
        return (asg.clip(g, -limit, limit),)

    @asg.function(vjp=backward)
    def clipped(x: asg.Tensor, index: asg.Tensor, limit: float) -> asg.Tensor:
        return x * 1.0

    def first_alone(x: asg.Tensor, w: asg.Tensor, y: asg.Tensor, g: asg.Tensor) -> tuple[asg.Tensor, None]:
        return g, None

    @asg.function(vjp=first_alone)
    def frozen(x: asg.Tensor, w: asg.Tensor) -> asg.Tensor:
        return x * w

    with asg.graph() as g:
        x, index = asg.input("x", (3,)), asg.input("i", (), dtype="int64")
        w = asg.input("w", (3,))
        g.output(loss=asg.sum(frozen(clipped(x, index, 0.5), w) * 4.0))
    document = checked(grad(g.document(), wrt=["x", "w"]))
    found = asg_executor.run(document, {"x": np.ones(3, np.float32), "i": 1, "w": np.ones(3, np.float32)})
    np.testing.assert_array_equal(found["grad.x"], [0.5] * 3)
    np.testing.assert_array_equal(found["grad.w"], [0.0] * 3)


def test_the_results_of_a_vjp_are_checked() -> None:
    def build(*answers: object) -> None:
        def backward(x: asg.Tensor, y: asg.Tensor, g: asg.Tensor) -> tuple[object, ...]:
            return answers

        f = asg.function(name="f", vjp=backward)(asg.sin)
        with asg.graph():
            f(asg.input("x", (3,)))

    with pytest.raises(AsgError, match=r'"f\.vjp" answers 0 cotangents; 1 are needed'):
        build()
    with pytest.raises(TypeError, match=r'"f\.vjp" answers a float'):
        build(1.0)

    def total(x: asg.Tensor, y: asg.Tensor, g: asg.Tensor) -> asg.Tensor:
        return asg.sum(g)

    summed = asg.function(name="f", vjp=total)(asg.sin)
    with asg.graph():
        x = asg.input("x", (3,))
        with pytest.raises(
            AsgError, match=r'"f\.vjp" answers float32\[\] as cotangent 0; float32\[3\] is needed there'
        ):
            summed(x)


class Block(nn.Module):
    def __init__(self, features: int, p: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(features)
        self.lin = nn.Linear(features, features)
        self.drop = nn.Dropout(p)

    @asg.function
    def forward(self, x: asg.Tensor) -> asg.Tensor:
        return self.drop(asg.relu(self.lin(self.norm(x)))) + x


class Plain(Block):
    @override
    def forward(self, x: asg.Tensor) -> asg.Tensor:
        return self.drop(asg.relu(self.lin(self.norm(x)))) + x


def stack(kind: type[Block], count: int, p: float) -> Document:
    blocks = nn.ModuleList([kind(4, p) for _ in range(count)], name="blocks")
    with asg.graph() as g:
        x = asg.input("x", ("batch", 4))
        for block in blocks:
            x = block(x)
        g.output(loss=asg.sum(x))
    return checked(g.document())


def test_a_layer_whose_forward_is_a_function_stands_once() -> None:
    document = stack(Block, 12, 0.0)
    assert list(document.functions) == ["Block"]
    assert len(document.nodes) == 13
    assert [item.id for item in document.functions["Block"].inputs] == [
        *("norm.weight", "norm.bias", "lin.weight", "lin.bias", "x"),
    ]
    assert [item.id for item in document.parameters] == [item.id for item in stack(Plain, 12, 0.0).parameters]
    rng = np.random.default_rng(0)
    parameters = {item.id: rng.standard_normal(item.shape).astype(np.float32) for item in document.parameters}
    x = {"x": rng.standard_normal((3, 4)).astype(np.float32)}
    mine = asg_executor.run(checked(grad(document)), x, parameters)
    plain = asg_executor.run(grad(stack(Plain, 12, 0.0)), x, parameters)
    assert mine.keys() == plain.keys()
    for name, value in mine.items():
        np.testing.assert_allclose(value, plain[name], rtol=1e-5, atol=1e-5, err_msg=name)


def test_layers_that_compute_something_else_are_other_functions() -> None:
    blocks = nn.ModuleList([Block(4, 0.0), Block(4, 0.5), Block(4, 0.0)], name="blocks")
    with asg.graph() as g:
        x = asg.input("x", ("batch", 4))
        for block in blocks:
            x = block(x)
        g.output(x=x)
    assert calls(checked(g.document())) == ["Block", "Block_2", "Block"]


def test_each_call_draws_its_own_random_numbers() -> None:
    @asg.function
    def noisy(x: asg.Tensor) -> asg.Tensor:
        return asg.dropout(asg.dropout(x, p=0.5), p=0.5)

    with asg.graph() as g:
        x = asg.input("x", (1000,))
        g.output(a=noisy(x), b=noisy(x))
    document = checked(g.document())
    assert calls(document) == ["noisy", "noisy"]
    found = asg_executor.run(document, {"x": np.ones(1000, np.float32), "rng_key": np.array([0, 7], np.uint32)})
    assert 150 < np.count_nonzero(found["a"]) < 350
    assert not np.array_equal(found["a"], found["b"])


def test_layers_are_passed_as_other_arguments() -> None:
    linear = nn.Linear(4, 4, name="shared")

    @asg.function
    def applied(layer: nn.Linear, x: asg.Tensor) -> asg.Tensor:
        return layer(layer(x))

    with asg.graph() as g:
        g.output(y=applied(linear, asg.input("x", ("n", 4))))
    document = checked(g.document())
    assert [item.id for item in document.functions["applied"].inputs] == ["layer.weight", "layer.bias", "x"]
    assert [item.id for item in document.parameters] == ["shared.weight", "shared.bias"]


def test_refusals() -> None:
    outer: list[asg.Tensor] = []

    @asg.function
    def closing(x: asg.Tensor) -> asg.Tensor:
        return x + outer[0]

    @asg.function
    def declaring(x: asg.Tensor) -> asg.Tensor:
        return x + asg.input("z", ())

    @asg.function
    def learning(x: asg.Tensor) -> asg.Tensor:
        return x + asg.parameter("p", ())

    @asg.function
    def updating(x: asg.Tensor, norm: nn.BatchNorm1d) -> asg.Tensor:
        return norm(x)

    @asg.function
    def number(x: asg.Tensor) -> int:
        return 3

    @asg.function
    def nothing(x: asg.Tensor) -> tuple[asg.Tensor, ...]:
        return ()

    @asg.function
    def static(x: object, options: object) -> object:
        return x

    @asg.function(vjp=passed_on)
    def drawing(x: asg.Tensor) -> asg.Tensor:
        return asg.dropout(x, p=0.5)

    with asg.graph() as g:
        x = asg.input("x", ())
        outer.append(x)
        with pytest.raises(AsgError, match='"x" belongs to another graph'):
            closing(x)
        with pytest.raises(AsgError, match='"declaring" declares the input "z"; it has only what it is given'):
            declaring(x)
        with pytest.raises(AsgError, match='"learning" declares the parameter "p"'):
            learning(x)
        with pytest.raises(AsgError, match='"updating" declares the next value of'):
            updating(asg.input("b", ("n", 4)), nn.BatchNorm1d(4))
        with pytest.raises(TypeError, match='"number" answers a int'):
            number(x)
        with pytest.raises(TypeError, match='"nothing" answers nothing'):
            nothing(x)
        with pytest.raises(TypeError, match=r"options is an array; asg\.constant makes a tensor of it"):
            static(x, np.ones(3))
        with pytest.raises(TypeError, match="options is a set, which is not hashable"):
            static(x, {1})
        with pytest.raises(AsgError, match='"static" is given no tensor'):
            static(1.0, None)
        with pytest.raises(AsgError, match="so it takes no layer and draws no random key"):
            drawing(x)
        with pytest.raises(TypeError, match="missing a required argument"):
            static(x)  # pyright: ignore[reportCallIssue]
    assert g.nodes == []
    with pytest.raises(AsgError, match="no graph is open"):
        number(x)
    with pytest.raises(AsgError, match="is no name"):
        asg.function(name="\n")(asg.sin)


def test_call_applies_a_function_that_is_there() -> None:
    @asg.function
    def halves(x: asg.Tensor) -> tuple[asg.Tensor, asg.Tensor]:
        return x * 0.5, x * 0.25

    with asg.graph() as g:
        halves(asg.input("x", ("n",)))
    (node,) = g.document().nodes
    assert isinstance(node, Call)
    with asg.graph() as g:
        first, second = asg.call([asg.input("z", (3,))], function=node.linked)
        g.output(y=first + second)
        with pytest.raises(DocumentError, match=r'is given for "x" float32\[n\]'):
            asg.call([asg.input("k", (), dtype="int64")], function=node.linked)
    found = asg_executor.run(checked(g.document()), {"z": np.ones(3, np.float32), "k": 0})
    np.testing.assert_array_equal(found["y"], [0.75] * 3)
