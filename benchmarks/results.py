"""What `make bench` found side by side; its JSON form is that of `--json`."""

from pydantic import BaseModel, ConfigDict

from benchmarks.steps import ASG, PEERS

__all__ = ["Carrying", "Concurrency", "Machine", "Results", "Row", "Timed"]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Machine(_Record):
    """Where it was measured.

    Attributes:
        processor: its name, as the system tells it.
        cores: how many this process may use.
        releases: the versions of the libraries, by candidate.
    """

    processor: str
    cores: int
    releases: dict[str, str]


class Timed(_Record):
    """What one candidate took for one workload.

    Attributes:
        minimum: milliseconds of the fastest step.
        median: milliseconds, over the steps of all rounds.
        rounds: the median of each round.
        steps: how many were timed.
        first_step_seconds: from the model's description to the end of the first step, with nothing kept on disk.
        later_first_step_seconds: the same in the next process, which may find what the first one kept on disk.
        stepping_bytes: what the process held at most while it took steps, beyond the library and the data.
        most_bytes: likewise, from the beginning on.
    """

    minimum: float
    median: float
    rounds: list[float]
    steps: int
    first_step_seconds: float
    later_first_step_seconds: float
    stepping_bytes: int | None
    most_bytes: int | None


class Row(_Record):
    """A workload.

    Attributes:
        workload: its name.
        description: what it is.
        timed: each candidate that could do it.
        problems: why others could not, by their name.
        most_difference: by how much the figures of a candidate differ from ours at most, relatively to the largest.
        engine: the name of our engine.
        product_share: the part of our step that matrix products and convolutions take, by a profile of the engine.
        product_operations: how many multiplications and additions they are.
        others_share: the part of the cores that other processes took while candidates computed in theirs; None where
            the system does not tell. Where it is not near 0, nothing here is to be believed.
    """

    workload: str
    description: str
    timed: dict[str, Timed]
    problems: dict[str, str]
    most_difference: float
    engine: str
    product_share: float
    product_operations: int
    others_share: float | None

    def ratio(self, peer: str) -> float | None:
        """The ratio of our median to that of a candidate; None where one of them has none."""
        own, other = self.timed.get(ASG), self.timed.get(peer)
        return None if own is None or other is None else own.median / other.median

    @property
    def fastest_peer(self) -> str | None:
        """The peer with the least median; None where none could do it."""
        able = [name for name in PEERS if name in self.timed]
        return min(able, key=lambda name: self.timed[name].median, default=None)


class Carrying(_Record):
    """A step's data, sent to a bare FastAPI application that does nothing with it.

    Attributes:
        workload: whose data.
        bytes: how many bytes it has.
        minimum: milliseconds of the fastest request.
        median: milliseconds, over all requests.
    """

    workload: str
    bytes: int
    minimum: float
    median: float


class Concurrency(_Record):
    """Two sessions that take steps at once, each on one thread.

    Attributes:
        workload: what they compute.
        alone: steps per second of one, while the other waits; the median of the rounds.
        together: steps per second of both, likewise.
        ratio: the median of the rounds' ratios.
    """

    workload: str
    alone: float
    together: float
    ratio: float


class Results(_Record):
    """One run.

    Attributes:
        machine: where.
        seconds: how long each candidate took steps for each workload, in all.
        rows: the workloads.
        concurrency: two sessions at once.
        carrying: what HTTP takes at least, for each workload.
    """

    machine: Machine
    seconds: float
    rows: list[Row]
    concurrency: list[Concurrency]
    carrying: list[Carrying]
