"""How modules name their parameters, share them, and find them again."""

import re
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest

import asg_builder as asg
import asg_executor
from asg_autograd import grad
from asg_builder import initializers, losses, nn
from asg_schema import AsgError


class Net(nn.Module):
    """Every way to hold a parameter."""

    def __init__(self) -> None:
        self.scale = nn.Parameter((4,), init=initializers.Ones())
        self.block = nn.TransformerBlock(4, 2, 8)
        self.layers = [nn.Linear(4, 4, bias=False), nn.Sequential(nn.Linear(4, 4), nn.ReLU())]
        self.unused = nn.Linear(4, 4)

    def forward(self, x: asg.Tensor) -> asg.Tensor:
        x = self.block(x * self.scale.value)
        for layer in self.layers:
            x = layer(x)
        return x


def parameter_names(*modules: nn.Module) -> list[str]:
    """The parameters that calling these modules declares, in order."""
    with asg.graph() as g:
        x = asg.input("x", ("n", 2, 4))
        for module in modules:
            module(x)
    return [item.id for item in g.parameters]


def test_names_are_attribute_paths() -> None:
    names = parameter_names(Net())
    assert names[:4] == [
        "net.scale",
        "net.block.norm1.weight",
        "net.block.norm1.bias",
        "net.block.self_attn.in_proj_weight",
    ]
    assert "net.block.linear2.bias" in names
    assert names[-3:] == ["net.layers.0.weight", "net.layers.1.0.weight", "net.layers.1.0.bias"]


def test_nodes_stand_in_the_scope_of_their_module() -> None:
    with asg.graph() as g:
        x = asg.input("x", (2, 4))
        y = Net()(x)
        z = y + 1
    assert [node.id for node in g.nodes][:2] == ["net.multiply", "net.block.norm1.layer_norm"]
    assert (y.id, z.id) == ("net.layers.1.1.relu", "add")


def test_a_failing_forward_leaves_the_scope() -> None:
    layer = nn.Linear(4, 4)
    with asg.graph() as g:
        with pytest.raises(AsgError, match=r"linear\.linear"):
            layer(asg.input("x", (2, 5)))
        assert g.scope == ""


@pytest.mark.parametrize(
    ("name", "expected"),
    [(None, "multi_head_attention.in_proj"), ("m", "m.in_proj"), ("a/b", "a/b.in_proj"), ("", "in_proj")],
)
def test_the_name_of_a_root_module(name: str | None, expected: str) -> None:
    assert parameter_names(nn.MultiHeadAttention(4, 2, name=name))[0] == f"{expected}_weight"


def test_unnamed_modules_get_distinct_names_for_good() -> None:
    a, b = nn.Linear(4, 4, False), nn.Linear(4, 4, False)
    assert parameter_names(a, b) == ["linear.weight", "linear_1.weight"]
    assert parameter_names(b, a) == ["linear_1.weight", "linear.weight"]


def test_a_name_that_two_modules_want_is_an_error() -> None:
    a, b = nn.Linear(4, 4, name="same"), nn.Linear(4, 4, name="same")
    with pytest.raises(AsgError, match='two modules are named "same"'):
        parameter_names(a, b)
    with asg.graph():
        asg.input("w.weight", (4,))
        with pytest.raises(AsgError, match=r'"w\.weight" is taken'):
            nn.Linear(4, 4, name="w")(asg.input("x", (2, 4)))


def test_a_module_that_is_called_twice_has_one_set_of_parameters() -> None:
    layer = nn.Linear(4, 4)
    assert parameter_names(layer, layer) == ["linear.weight", "linear.bias"]


def test_a_module_in_two_places_shares_its_parameters() -> None:
    shared = nn.Linear(4, 4, bias=False)
    assert parameter_names(nn.Sequential(shared, nn.ReLU(), shared, name="net")) == ["net.0.weight"]


class Tied(nn.Module):
    """An embedding whose table is the weight of the last layer as well."""

    def __init__(self) -> None:
        self.embed = nn.Embedding(5, 3)
        self.head = nn.Linear(3, 5, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, tokens: asg.Tensor) -> asg.Tensor:
        return self.head(self.embed(tokens))


def test_tied_weights_are_one_parameter() -> None:
    with asg.graph() as g:
        g.output(scores=Tied()(asg.input("tokens", ("n",), "int64")))
    assert [item.id for item in g.parameters] == ["tied.embed.weight"]
    table = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    scores = asg_executor.run(g.document(), {"tokens": np.array([1, 4])}, {"tied.embed.weight": table})["scores"]
    np.testing.assert_allclose(scores, table[[1, 4]] @ table.T, rtol=1e-5)


def test_a_tied_weight_has_one_gradient_from_both_places() -> None:
    model = Tied()
    with asg.graph() as g:
        scores = model(asg.input("tokens", ("n",), "int64"))
        g.output(loss=losses.cross_entropy(scores, asg.input("next", ("n",), "int64")))
    gradient = grad(g.document(), of="loss")
    assert [output.name for output in gradient.outputs] == ["loss", "grad.tied.embed.weight"]
    rng = np.random.default_rng(0)
    table, tokens, following = rng.standard_normal((5, 3)), np.array([1, 4, 1]), np.array([2, 0, 3])
    expected = np.zeros((5, 3))
    for token, label in zip(tokens, following, strict=True):
        p = np.exp(table @ table[token])
        by_score = (p / p.sum() - np.eye(5)[label]) / 3
        expected += np.outer(by_score, table[token])  # as the head
        expected[token] += by_score @ table  # as the embedding
    weights = {"tied.embed.weight": table.astype(np.float32)}
    session = asg_executor.Session({"train": gradient}, {"kind": "sgd", "learning_rate": 1.0}, parameters=weights)
    session.step({"tokens": tokens, "next": following})
    np.testing.assert_allclose(session.parameters()["tied.embed.weight"], table - expected, rtol=1e-4, atol=1e-6)


def test_a_replaced_module_loses_its_name() -> None:
    net = nn.Sequential(nn.Linear(4, 4), name="net")
    old = net[0]
    setattr(net, "0", nn.Linear(4, 2))
    assert parameter_names(net, old) == ["net.0.weight", "net.0.bias", "linear.weight", "linear.bias"]


def test_parts_are_named_before_the_whole_is_called() -> None:
    net = Net()
    net.name = "model"
    assert parameter_names(net.layers[0], net)[0] == "model.layers.0.weight"


def test_a_module_cannot_hold_itself() -> None:
    outer = nn.Sequential()
    inner = nn.Sequential(outer)
    with pytest.raises(AsgError, match="part of itself"):
        outer.append(inner)


def test_calls_outside_a_graph_and_without_forward() -> None:
    with pytest.raises(AsgError, match="no graph is open"):
        nn.Linear(4, 4)(None)
    with asg.graph(), pytest.raises(NotImplementedError, match="Module defines no forward"):
        nn.Module()(None)
    with asg.graph(), pytest.raises(AsgError, match="belongs to no module"):
        _ = nn.Parameter((2,)).value


def test_module_lists() -> None:
    layers = nn.ModuleList([nn.ReLU(), nn.GELU(), nn.Tanh()])
    assert [type(layer).__name__ for layer in layers] == ["ReLU", "GELU", "Tanh"]
    assert isinstance(layers[-1], nn.Tanh)
    assert len(layers[1:]) == 2
    with pytest.raises(TypeError, match="holds modules, not a float"):
        layers.append(1.0)  # pyright: ignore[reportArgumentType] - wrong on purpose
    with pytest.raises(IndexError):
        _ = layers[3]


def test_a_sequence_with_names() -> None:
    net = nn.Sequential({"inner": nn.Linear(4, 4), "act": nn.ReLU(), "head": nn.Linear(4, 4, bias=False)}, name="net")
    assert parameter_names(net) == ["net.inner.weight", "net.inner.bias", "net.head.weight"]
    assert [type(module).__name__ for module in net] == ["Linear", "ReLU", "Linear"]
    net.append(nn.Tanh())
    assert isinstance(net[3], nn.Tanh)
    for key, message in [("a.b", '"a.b" names a module; letters'), ("forward", '"forward" is the name of something')]:
        with pytest.raises(AsgError, match=message):
            nn.Sequential({key: nn.ReLU()})
    with pytest.raises(AsgError, match='"1" is the name of something else'):
        nn.Sequential({"1": nn.ReLU()}).append(nn.ReLU())
    with pytest.raises(TypeError, match="Sequential holds modules, not a dict"):
        nn.Sequential(cast("Any", {"a": nn.ReLU()}), nn.ReLU())


def test_a_part_of_a_sequence_shares_its_parameters() -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), name="net")
    features = net[:2]
    assert isinstance(features, nn.Sequential)
    assert parameter_names(features, net) == ["net.0.weight", "net.0.bias", "net.2.weight", "net.2.bias"]


def test_walking_a_tree() -> None:
    net = Net()
    names = dict(net.named_parameters())
    assert "block.self_attn.out_proj.bias" in names
    assert names["unused.weight"].shape == (4, 4)
    assert [name for name, _ in net.named_modules()][:3] == ["", "block", "block.self_attn"]
    assert len({id(module) for _, module in net.named_modules()}) == len(list(net.named_modules()))
    assert len(list(Tied().named_parameters())) == 1


def test_train_and_eval_reach_the_whole_tree() -> None:
    net = Net()
    assert all(module.training for _, module in net.named_modules())
    assert net.eval() is net
    assert not any(module.training for _, module in net.named_modules())
    assert net.train().block.dropout.training


def test_the_representation_shows_the_tree() -> None:
    text = repr(nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.1), name="net"))
    assert text == "Sequential(name='net'\n  0: Linear(in_features=3, out_features=4)\n  1: Dropout(p=0.1)\n)"
    assert re.search(r"layers: ModuleList\(\n    0: Linear", repr(Net()))


@pytest.mark.parametrize(
    "make",
    [
        lambda: {"first": nn.Dropout(0.5)},
        lambda: [[nn.Dropout(0.5)]],
        lambda: [nn.Dropout(0.5), None],
        lambda: ({1: [nn.Dropout(0.5)]}, 2),
    ],
    ids=["dict", "nested list", "mixed list", "deeper"],
)
def test_modules_that_no_name_and_no_eval_would_reach_are_refused(make: Callable[[], Any]) -> None:
    class Holder(nn.Module):
        def __init__(self) -> None:
            self.layers = make()

        def forward(self, x: asg.Tensor) -> asg.Tensor:
            return x

    with (
        asg.graph("g"),
        pytest.raises(AsgError, match=r"Holder\.layers is a \w+ of modules that are no parts of the Holder"),
    ):
        Holder()(asg.input("x", (3,)))


def test_a_list_that_is_filled_after_it_was_assigned_is_refused() -> None:
    class Late(nn.Module):
        def __init__(self) -> None:
            self.layers: Any = []
            for _ in range(2):
                self.layers.append(nn.Linear(3, 3))

        def forward(self, x: asg.Tensor) -> asg.Tensor:
            return self.layers[1](self.layers[0](x))

    with asg.graph("g"), pytest.raises(AsgError, match=r"Late\.layers is a list of modules"):
        Late()(asg.input("x", ("batch", 3)))


def test_any_attribute_may_hold_a_part() -> None:
    class Head(nn.Module):
        def __init__(self) -> None:
            self.query, self.key, self.value = (nn.Linear(4, 4, bias=False) for _ in range(3))
            self.parent = nn.Parameter((4,))

        def forward(self, x: asg.Tensor) -> asg.Tensor:
            return asg.attention(self.query(x), self.key(x), self.value(x)) + self.parent.value

    names = parameter_names(nn.Sequential(Head(), name="net"))
    assert set(names) == {"net.0.query.weight", "net.0.key.weight", "net.0.value.weight", "net.0.parent"}


@pytest.mark.parametrize("attribute", ["name", "training", "train", "prefix"])
def test_an_attribute_that_every_module_has_holds_no_part(attribute: str) -> None:
    for part in (nn.Linear(4, 4), nn.Parameter((4,)), [nn.Linear(4, 4)]):
        with pytest.raises(AsgError, match=rf"Identity\.{attribute}: every Module has an attribute of that name"):
            setattr(nn.Identity(), attribute, part)


def test_names_of_many_unnamed_modules_are_found_without_asking_for_all_before(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    owner = asg.Graph.owner

    def counted(self: asg.Graph, name: str) -> object | None:
        asked.append(name)
        return owner(self, name)

    monkeypatch.setattr(asg.Graph, "owner", counted)
    with asg.graph("many"):
        x = asg.input("x", (2,))
        modules = [nn.GELU() for _ in range(300)]
        for module in modules:
            x = module(x)
    assert [module.name for module in modules] == ["gelu", *(f"gelu_{number}" for number in range(1, 300))]
    assert len(asked) < 10 * len(modules)
