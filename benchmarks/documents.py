"""The workloads as documents."""

import itertools

import asg_builder as asg
from asg_autograd import grad
from asg_builder import losses, nn
from asg_schema.document import Document
from benchmarks.workloads import BlockSize, CnnSize, MlpSize, Workload

__all__ = ["PREDICT", "TRAIN", "document"]

TRAIN, PREDICT = "train", "predict"
"""The names that a session gives to the document of a workload that trains, and of one that answers."""


def document(workload: Workload) -> Document:
    """What a session runs: the gradient document of the `loss`, or where nothing is trained the forward one of `y`."""
    model = workload.model
    with asg.graph(workload.name) as g:
        x = asg.input("x", _input_shape(model))
        y = _layers(model)(x)
        if workload.optimizer is None:
            g.output(y=y)
            return g.document()
        if isinstance(model, BlockSize):
            g.output(loss=losses.mse(y, asg.input("target", _input_shape(model))))
        else:
            g.output(loss=losses.cross_entropy(y, asg.input("labels", ("batch",), dtype="int64")))
    return grad(g.document(), of="loss")


def _input_shape(model: BlockSize | MlpSize | CnnSize) -> tuple[int | str, ...]:
    if isinstance(model, BlockSize):
        return "batch", "sequence", model.embed_dim
    if isinstance(model, MlpSize):
        return "batch", model.widths[0]
    return "batch", model.channels[0], model.image, model.image


def _layers(model: BlockSize | MlpSize | CnnSize) -> nn.Sequential:
    """The model. PyTorch's `Sequential` of the same layers has the same names of parameters."""
    if isinstance(model, BlockSize):
        blocks = [nn.TransformerBlock(model.embed_dim, model.num_heads, model.ff_dim) for _ in range(model.layers)]
        return nn.Sequential(*blocks)
    if isinstance(model, CnnSize):
        return _convolutional(model)
    layers: list[nn.Module] = []
    for index, (in_features, out_features) in enumerate(itertools.pairwise(model.widths)):
        if index:
            layers.append(nn.ReLU())
        layers.append(nn.Linear(in_features, out_features))
    return nn.Sequential(*layers)


def _convolutional(model: CnnSize) -> nn.Sequential:
    inputs, first, second = model.channels
    return nn.Sequential(
        nn.Conv2d(inputs, first, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(first, second, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(model.features, model.hidden),
        nn.ReLU(),
        nn.Linear(model.hidden, model.classes),
    )
