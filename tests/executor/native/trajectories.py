"""What is trained in the examples and timed by the benchmarks, made smaller, and step after step of it.

As a program it prints the digests of those that are named, with the native engine.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from asg_builder import optim
from asg_executor import Session
from asg_executor.plan.arrays import Array
from asg_schema.document import Document
from benchmarks.documents import document
from benchmarks.workloads import BlockSize, CnnSize, MlpSize, workload_named

__all__ = ["EXAMPLES", "TRAJECTORIES", "Trajectory"]

EXAMPLES = Path(__file__).parents[3] / "builder" / "examples"
_BATCH = 32


@dataclass(frozen=True)
class Trajectory:
    """Some steps of training.

    Attributes:
        name: the example's file, or the workload's name.
        graphs: the documents of a session.
        optimizer: the optimizer's JSON form.
        batches: what each step is given.
    """

    name: str
    graphs: Mapping[str, Document]
    optimizer: Mapping[str, Any]
    batches: tuple[Mapping[str, Array], ...]

    def session(self, engine: str) -> Session:
        """A session that has taken no step."""
        return Session(self.graphs, optimizer=dict(self.optimizer), seed=0, engine=engine)

    def digest(self) -> str:
        """Of what a session with the native engine is after all steps."""
        session = self.session("native")
        for batch in self.batches:
            session.step(batch)
        return session.digest()


def _example(name: str, **extents: int) -> Any:
    """The module of an example, with some of its constants made smaller."""
    spec = util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module: ModuleType = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for constant, value in extents.items():
        assert hasattr(module, constant), constant
        setattr(module, constant, value)
    return module


def _batches(data: Mapping[str, Array], steps: int) -> Iterator[Mapping[str, Array]]:
    """Pieces of the data, from the beginning again where it ends."""
    length = len(next(iter(data.values())))
    for step in range(steps):
        begin = step * _BATCH % (length - _BATCH)
        yield {name: array[begin : begin + _BATCH] for name, array in data.items()}


def _digits(name: str, **extents: int) -> Trajectory:
    example = _example(name, **extents)
    validate, train = example.build()
    optimizer = optim.AdamW(2e-3).to_json()
    return Trajectory(name, {"validate": validate, "train": train}, optimizer, tuple(_batches(example.load()[0], 60)))


def _cnn_digits() -> Trajectory:
    example = _example("cnn_digits")
    validate, train = example.build()
    rate = optim.schedules.CosineAnnealingLR(3e-3, T_max=40)
    batches = tuple(_batches(example.load()[0], 12))
    return Trajectory("cnn_digits", {"validate": validate, "train": train}, optim.AdamW(rate).to_json(), batches)


def _autoencoder() -> Trajectory:
    example = _example("autoencoder", HIDDEN=48)
    validate, train = example.build()
    batches = tuple(_batches({"image": example.load()[0]}, 60))
    return Trajectory("autoencoder", {"validate": validate, "train": train}, optim.AdamW(2e-3).to_json(), batches)


def _tiny_gpt() -> Trajectory:
    example = _example("tiny_gpt", WINDOW=24, WIDTH=32, HEADS=4, BLOCKS=2, BATCH=8)
    text, characters = example.load()
    predict, train = example.build(len(characters))
    rate = optim.schedules.WarmupCosine(4e-3, warmup_steps=5, total_steps=60)
    optimizer = optim.AdamW(rate, betas=(0.9, 0.99), weight_decay=0.1).to_json()
    batches = tuple(example.batches(text, 30))
    return Trajectory("tiny_gpt", {"predict": predict, "train": train}, optimizer, batches)


def _custom_optimizer() -> Trajectory:
    example = _example("custom_optimizer")
    x = np.linspace(-3, 3, 128, dtype=np.float32)[:, None]
    optimizer = optim.Custom(example.yogi(), lr=0.02).to_json()
    batch = {"x": x, "target": np.sin(2 * x)}
    return Trajectory("custom_optimizer", {"train": example.network()}, optimizer, (batch,) * 100)


def _workload(name: str, model: BlockSize | MlpSize | CnnSize, steps: int) -> Trajectory:
    workload = replace(workload_named(name), model=model)
    assert workload.optimizer is not None
    return Trajectory(name, {"train": document(workload)}, workload.optimizer, (workload.batch(),) * steps)


TRAJECTORIES: Mapping[str, Callable[[], Trajectory]] = {
    "digits": lambda: _digits("digits", HIDDEN=40),
    "job_digits": lambda: _digits("job_digits"),
    "cnn_digits": _cnn_digits,
    "autoencoder": _autoencoder,
    "tiny_gpt": _tiny_gpt,
    "custom_optimizer": _custom_optimizer,
    "demo block": lambda: _workload("demo block", BlockSize(1, 1, 4, 2, 16), 60),
    "small block": lambda: _workload("small block", BlockSize(2, 20, 32, 4, 70), 30),
    "mid": lambda: _workload("mid", BlockSize(2, 33, 48, 8, 96, layers=4), 20),
    "MLP": lambda: _workload("MLP", MlpSize(32, (100, 65, 33, 10)), 60),
    "CNN": lambda: _workload("CNN", CnnSize(8, 12, (1, 6, 10), 17, 10), 30),
}
"""By the name of the example or workload; each is built anew."""


def main() -> None:
    """A line for each trajectory that is named: its name and its digest."""
    for name in sys.argv[1:]:
        sys.stdout.write(f"{name}\t{TRAJECTORIES[name]().digest()}\n")


if __name__ == "__main__":
    main()
