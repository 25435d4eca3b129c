"""What is timed: `Steps`, and which library makes them, by the name of the candidate."""

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple, Protocol, runtime_checkable

from benchmarks.messages import Profiled
from benchmarks.workloads import Batch, Workload

__all__ = [
    "ASG",
    "HTTP",
    "JAX",
    "NUMPY",
    "PEERS",
    "TORCH",
    "TORCH_COMPILE",
    "CanProfile",
    "Maker",
    "Steps",
    "maker_named",
]

ASG, HTTP = "ASG", "ASG over HTTP"
NATIVE, NUMPY = "ASG, native engine", "ASG, numpy engine"
TORCH, TORCH_COMPILE, JAX = "PyTorch eager", "torch.compile", "JAX jit"
PEERS = (TORCH, TORCH_COMPILE, JAX)


class Steps(Protocol):
    """Training steps of a workload, or answers of its model, as one library computes them."""

    @property
    def step(self) -> Callable[[], object]:
        """Does the next one, and gives its loss, or the answer, as a number or an array of this process."""
        ...

    def restart(self) -> None:
        """Give the parameters their first values, and the optimizer its first state."""
        ...


@runtime_checkable
class CanProfile(Protocol):
    """Steps that tell where their time goes."""

    def profile(self, seconds: float) -> Profiled:
        """Take steps for so many seconds; they are not to be timed otherwise afterwards."""
        ...


class Maker(NamedTuple):
    """How a candidate makes its steps.

    Attributes:
        library: the distribution that it needs.
        module: where the class is; it is imported only where the candidate runs.
        class_name: called with the workload, the first weights and `options`.
        options: what else the class is called with.
    """

    library: str
    module: str
    class_name: str
    options: Mapping[str, Any]

    @property
    def release(self) -> str | None:
        """The first two numbers of the library's version; None where it is not installed."""
        try:
            return ".".join(version(self.library).split(".")[:2])
        except PackageNotFoundError:
            return None

    def load(self) -> Callable[[Workload, Batch], Steps]:
        """Import the library; what is returned makes the steps."""
        make = getattr(import_module(self.module), self.class_name)
        return lambda workload, weights: make(workload, weights, **self.options)


_MAKERS: Mapping[str, Maker] = {
    ASG: Maker("asgraph", "benchmarks.asg_steps", "LocalSteps", {"engine": "auto"}),
    NATIVE: Maker("asgraph", "benchmarks.asg_steps", "LocalSteps", {"engine": "native"}),
    NUMPY: Maker("asgraph", "benchmarks.asg_steps", "LocalSteps", {"engine": "numpy"}),
    HTTP: Maker("asgraph", "benchmarks.asg_steps", "RemoteSteps", {}),
    TORCH: Maker("torch", "benchmarks.peers.torch_steps", "TorchSteps", {}),
    TORCH_COMPILE: Maker("torch", "benchmarks.peers.torch_steps", "TorchSteps", {"compiled": True}),
    JAX: Maker("jax", "benchmarks.peers.jax_steps", "JaxSteps", {}),
}


def maker_named(name: str) -> Maker:
    """How the candidate of this name makes its steps."""
    return _MAKERS[name]
