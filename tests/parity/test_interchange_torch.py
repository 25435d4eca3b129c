"""Weights from PyTorch's files and back: the same names, and the same outputs on both sides."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

import asg_builder as asg
from asg_autograd import grad
from asg_builder import losses, optim
from asg_builder import nn as asg_nn
from asg_builder.client import Client
from asg_schema.document import Document
from asg_schema.errors import AsgError
from parity.layer_comparison import randomize

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with Client.local() as local:
        yield local


def write(module: nn.Module, path: Path, dtype: torch.dtype | None = None) -> None:
    """The module's state dict as a file, in another dtype where one is given."""
    state = cast("dict[str, torch.Tensor]", module.state_dict())
    floats = {name: value.to(dtype) if dtype and value.is_floating_point() else value for name, value in state.items()}
    safetensors.torch.save_file(floats, path)


def torch_network() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 6, 3, stride=2, groups=2, bias=False),
        nn.GroupNorm(2, 6),
        nn.PReLU(6),
        nn.Flatten(),
        nn.Linear(54, 5),
    )


def network() -> asg_nn.Module:
    return asg_nn.Sequential(
        asg_nn.Conv2d(1, 4, 3, padding=1),
        asg_nn.BatchNorm2d(4),
        asg_nn.ReLU(),
        asg_nn.Conv2d(4, 6, 3, stride=2, groups=2, bias=False),
        asg_nn.GroupNorm(2, 6),
        asg_nn.PReLU(6),
        asg_nn.Flatten(),
        asg_nn.Linear(54, 5),
        name="model",
    )


class TorchDecoder(nn.Module):
    """A small language model of PyTorch's own layers, whose embedding is the weight of its head, too."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, 8)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(8, 2, 16, 0.0, "gelu", batch_first=True, norm_first=True) for _ in range(2)
        )
        self.norm = nn.LayerNorm(8)
        self.lm_head = nn.Linear(8, 11, bias=False)
        self.lm_head.weight = self.embed.weight

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.embed(tokens)
        mask = nn.Transformer.generate_square_subsequent_mask(tokens.shape[1])
        for layer in self.layers:
            x = layer(x, mask)
        return self.lm_head(self.norm(x))


class Decoder(asg_nn.Module):
    """The same with ours."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        self.embed = asg_nn.Embedding(11, 8)
        self.layers = [asg_nn.TransformerBlock(8, 2, 16, causal=True) for _ in range(2)]
        self.norm = asg_nn.LayerNorm(8)
        self.lm_head = asg_nn.Linear(8, 11, bias=False)
        self.lm_head.weight = self.embed.weight

    def forward(self, tokens: asg.Tensor) -> asg.Tensor:
        x = self.embed(tokens)
        for layer in self.layers:
            x = layer(x)
        return self.lm_head(self.norm(x))


def predicting(model: asg_nn.Module, *shape: int | str, dtype: str = "float32") -> Document:
    with asg.graph("predict") as g:
        g.output(y=model.eval()(asg.input("x", shape, dtype)))
    return g.document()


RNG = np.random.default_rng(4)
IMAGES = RNG.standard_normal((5, 1, 8, 8)).astype(np.float32)
TOKENS = RNG.integers(0, 11, (3, 6))


def same(session_output: Any, module: nn.Module, x: Any, tolerance: float = 2e-5) -> None:
    expected = module.eval()(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(session_output, expected, rtol=tolerance, atol=tolerance)


def test_a_convolutional_network(client: Client, tmp_path: Path) -> None:
    theirs = randomize(torch_network())
    write(theirs, tmp_path / "theirs.safetensors")
    session = client.create_session({"predict": predicting(network(), "batch", 1, 8, 8)})
    found = session.load_parameters(tmp_path / "theirs.safetensors", prefix="model.")
    assert set(found.sources.values()) == set(theirs.state_dict())
    same(session.run("predict", x=IMAGES)["y"], theirs, IMAGES)
    session.save(tmp_path / "ours.safetensors", prefix="model.")
    back = torch_network()
    back.load_state_dict(safetensors.torch.load_file(tmp_path / "ours.safetensors"))
    for key, value in theirs.state_dict().items():
        assert torch.equal(back.state_dict()[key], value), key
        assert back.state_dict()[key].dtype == value.dtype


def test_training_there_and_here_goes_on_from_the_same_weights(client: Client, tmp_path: Path) -> None:
    model, theirs = network(), randomize(torch_network())
    labels = RNG.integers(0, 5, 5)
    with asg.graph("train") as g:
        y = model(asg.input("x", ("batch", 1, 8, 8)))
        g.output(loss=losses.cross_entropy(y, asg.input("label", ("batch",), "int64")))
    graphs = {"train": grad(g.document(), of="loss"), "predict": predicting(model, "batch", 1, 8, 8)}
    session = client.create_session(graphs, optim.SGD(0.1, momentum=0.9))
    write(theirs, tmp_path / "theirs.safetensors")
    session.load_parameters(tmp_path / "theirs.safetensors", prefix="model.")
    optimizer = torch.optim.SGD(theirs.train().parameters(), 0.1, 0.9)
    for _ in range(5):
        loss = session.step(x=IMAGES, label=labels)["loss"]
        optimizer.zero_grad()
        expected = nn.functional.cross_entropy(theirs(torch.tensor(IMAGES)), torch.tensor(labels))
        expected.backward()
        optimizer.step()
        np.testing.assert_allclose(loss, expected.detach().numpy(), rtol=1e-4)
    session.save(tmp_path / "ours.safetensors", prefix="model.")
    back = torch_network()
    back.load_state_dict(safetensors.torch.load_file(tmp_path / "ours.safetensors"))
    for key, value in theirs.state_dict().items():
        torch.testing.assert_close(back.state_dict()[key], value, rtol=1e-3, atol=1e-4)
    assert back.state_dict()["1.num_batches_tracked"] == 5
    same(session.run("predict", x=IMAGES)["y"], back, IMAGES)


@pytest.mark.parametrize("name", ["", "lm"])
def test_a_transformer_with_tied_weights(name: str, client: Client, tmp_path: Path) -> None:
    theirs = randomize(TorchDecoder())
    # Its own function leaves out one of the two names of the shared weight; so does a model here.
    safetensors.torch.save_model(theirs, str(tmp_path / "theirs.safetensors"))
    session = client.create_session({"predict": predicting(Decoder(name), "batch", "length", dtype="int64")})
    session.load_parameters(tmp_path / "theirs.safetensors", prefix=f"{name}." if name else "")
    same(session.run("predict", x=TOKENS)["y"], theirs, TOKENS)
    session.save(tmp_path / "ours.safetensors", prefix=f"{name}." if name else "")
    back = randomize(TorchDecoder())
    safetensors.torch.load_model(back, tmp_path / "ours.safetensors")
    torch.testing.assert_close(back.eval()(torch.tensor(TOKENS)), theirs.eval()(torch.tensor(TOKENS)))


def test_a_tied_weight_under_both_names(client: Client, tmp_path: Path) -> None:
    theirs = randomize(TorchDecoder())
    state = cast("dict[str, torch.Tensor]", theirs.state_dict())
    session = client.create_session({"predict": predicting(Decoder(""), "batch", "length", dtype="int64")})
    held = list(session.parameters())
    second = next(name for name in state if name not in held)
    first = next(name for name in held if state[name].data_ptr() == state[second].data_ptr())
    # As a mapping, as a file with both, and as a file with the name alone that is none here.
    assert session.load_parameters(cast("dict[str, Any]", state)).second_names == {second: first}
    same(session.run("predict", x=TOKENS)["y"], theirs, TOKENS)
    both = {name: value.clone() for name, value in state.items()}
    safetensors.torch.save_file(both, tmp_path / "both.safetensors")
    assert session.load_parameters(tmp_path / "both.safetensors").second_names == {second: first}
    alone = {name: value for name, value in both.items() if name != first}
    safetensors.torch.save_file(alone, tmp_path / "alone.safetensors", {first: second})
    assert set(session.load_parameters(tmp_path / "alone.safetensors").sources) == set(held)
    both[second] += 1
    safetensors.torch.save_file(both, tmp_path / "both.safetensors")
    with pytest.raises(AsgError, match=f'"{second}" is no parameter'):
        session.load_parameters(tmp_path / "both.safetensors")


def test_a_sequential_that_has_no_name_there(client: Client, tmp_path: Path) -> None:
    # PyTorch's names begin with a position, and ids with a letter: the name of the module comes before.
    theirs = randomize(nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)))
    write(theirs, tmp_path / "theirs.safetensors")
    model = asg_nn.Sequential(asg_nn.Linear(3, 4), asg_nn.Tanh(), asg_nn.Linear(4, 2))
    session = client.create_session({"predict": predicting(model, "batch", 3)})
    found = session.load_parameters(tmp_path / "theirs.safetensors", prefix="sequential.")
    assert found.sources["sequential.0.weight"] == "0.weight"
    x = RNG.standard_normal((5, 3)).astype(np.float32)
    same(session.run("predict", x=x)["y"], theirs, x)
    session.save(tmp_path / "ours.safetensors", prefix="sequential.")
    theirs.load_state_dict(safetensors.torch.load_file(tmp_path / "ours.safetensors"))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_floats_of_another_width(dtype: torch.dtype, client: Client, tmp_path: Path) -> None:
    theirs = randomize(torch_network())
    write(theirs, tmp_path / "theirs.safetensors", dtype)
    session = client.create_session({"predict": predicting(network(), "batch", 1, 8, 8)})
    session.load_parameters(tmp_path / "theirs.safetensors", prefix="model.")
    rounded = torch_network()
    state = safetensors.torch.load_file(tmp_path / "theirs.safetensors")
    rounded.load_state_dict({name: value.to(rounded.state_dict()[name].dtype) for name, value in state.items()})
    for name, value in session.parameters().items():
        np.testing.assert_array_equal(value, rounded.state_dict()[name.removeprefix("model.")].numpy())


def test_a_state_dict_itself(client: Client) -> None:
    theirs = randomize(torch_network())
    session = client.create_session({"predict": predicting(network(), "batch", 1, 8, 8)})
    session.load_parameters(cast("dict[str, Any]", theirs.state_dict()), prefix="model.")
    same(session.run("predict", x=IMAGES)["y"], theirs, IMAGES)


def change_name(state: dict[str, torch.Tensor]) -> None:
    state["7.wieght"] = state.pop("7.weight")


def change_shape(state: dict[str, torch.Tensor]) -> None:
    state["7.weight"] = state["7.weight"].T.contiguous()


def change_dtype(state: dict[str, torch.Tensor]) -> None:
    state["7.bias"] = state["7.bias"] > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (change_name, '"7.wieght" is no parameter (as "model.7.wieght"); did you mean "model.7.weight"?'),
        (change_shape, '"7.weight", the parameter "model.7.weight", has the shape [54, 5]; [5, 54] is needed'),
        (change_dtype, '"7.bias": an array of bool is not converted to float32'),
    ],
)
def test_what_does_not_fit_changes_nothing(
    change: Callable[[dict[str, torch.Tensor]], None], message: str, client: Client, tmp_path: Path
) -> None:
    state = cast("dict[str, torch.Tensor]", torch_network().state_dict())
    change(state)
    safetensors.torch.save_file(state, tmp_path / "theirs.safetensors")
    session = client.create_session({"predict": predicting(network(), "batch", 1, 8, 8)})
    before = session.parameters()
    with pytest.raises(AsgError) as caught:
        session.load_parameters(tmp_path / "theirs.safetensors", prefix="model.")
    assert message in str(caught.value)
    for name, value in session.parameters().items():
        np.testing.assert_array_equal(value, before[name])
