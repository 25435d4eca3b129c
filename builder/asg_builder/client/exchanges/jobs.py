"""Data sets, and jobs that train over them."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple

import numpy.typing as npt

from asg_builder.arrays import as_array, convert
from asg_builder.client.answer import Answer, field_of
from asg_builder.client.errors import JobCancelled, JobFailed, NotFound
from asg_builder.client.exchanges.asking import ask, encode_json, get, quoted, wish
from asg_builder.client.exchanges.job_events import JobEvent
from asg_builder.client.exchanges.session import SessionExchanges
from asg_builder.client.payload import encode
from asg_builder.client.request import SAFETENSORS, Exchange, Request
from asg_builder.client.transfers import Progress, reporting
from asg_builder.training.early_stopping import EarlyStopping
from asg_builder.training.progress import TrainingProgress
from asg_schema.dtype import DType
from asg_schema.errors import AsgError

__all__ = [
    "Dataset",
    "JobExchanges",
    "JobRequest",
    "add_dataset",
    "delete_dataset",
    "list_datasets",
    "list_jobs",
    "show_event",
]

Tensors = Mapping[str, npt.ArrayLike]

_TRAIN = "train"
_JOB_FIELDS = ("id", "state", "step", "steps_total", "steps_per_epoch", "epochs", "figures", "error", "settings")


class Dataset(NamedTuple):
    """A data set that the executor keeps.

    Attributes:
        digest: the SHA-256 of its safetensors file, by which a job names it.
        bytes: how many bytes the file has.
        length: how many rows it has.
        tensors: `{"dtype", "shape"}` of each tensor, by name.
    """

    digest: str
    bytes: int
    length: int
    tensors: dict[str, Any]


def _dataset(content: Mapping[str, Any]) -> Dataset:
    return Dataset(*(field_of(content, name) for name in Dataset._fields))


def add_dataset(tensors: Tensors, dtypes: Mapping[str, DType], progress: Progress) -> Exchange[Dataset]:
    """Have a data set kept; one that is there is not sent again. `dtypes` are what some are converted to."""
    try:
        arrays = {
            name: convert(value, dtypes[name], f'"{name}"') if name in dtypes else as_array(value, f'"{name}"')
            for name, value in tensors.items()
        }
    except (TypeError, ValueError) as error:
        raise AsgError(str(error)) from None
    body = encode(arrays)
    digest = sha256(body).hexdigest()
    try:
        return _dataset((yield from get(f"/v1/datasets/{digest}")).json())
    except NotFound:
        with reporting(progress, "sending") as sent:
            return _dataset((yield from ask(Request("POST", "/v1/datasets", body, SAFETENSORS, sent=sent))).json())


def list_datasets() -> Exchange[list[Dataset]]:
    """All data sets."""
    return [_dataset(item) for item in (yield from get("/v1/datasets")).field("datasets")]


def delete_dataset(digest: str) -> Exchange[None]:
    """Remove a data set; one that is gone already is as good."""
    with suppress(NotFound):
        yield from ask(Request("DELETE", f"/v1/datasets/{quoted(digest)}"))


def list_jobs() -> Exchange[list[dict[str, Any]]]:
    """All jobs."""
    return (yield from get("/v1/jobs")).field("jobs")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """What `Session.start_job` is asked for; its arguments are described there."""

    epochs: int
    batch_size: int
    micro_batches: int | None
    shuffle_seed: int | None
    drop_last: bool
    inputs: Mapping[str, str] | None
    loss: str
    validation: Tensors | Dataset | str | None
    validation_graph: str
    validation_settings: Mapping[str, Any] | None
    early_stopping: EarlyStopping | Mapping[str, Any] | None
    checkpoints: Mapping[str, Any] | None
    idempotency_key: str | None
    progress: Progress

    def start(self, session: SessionExchanges, data: Tensors | Dataset | str) -> "Exchange[JobExchanges]":
        """Start the job."""
        digest = yield from self._kept(session, data, _TRAIN, self.inputs)
        fields: dict[str, Any] = {
            "dataset": digest,
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "micro_batches": self.micro_batches,
            "shuffle_seed": self.shuffle_seed,
            "drop_last": self.drop_last,
            "inputs": None if self.inputs is None else dict(self.inputs),
            "loss": self.loss,
            "early_stopping": _stopping(self.early_stopping),
            "checkpoints": None if self.checkpoints is None else dict(self.checkpoints),
        }
        if self.validation is not None:
            others = dict(self.validation_settings or {})
            test = yield from self._kept(session, self.validation, self.validation_graph, others.get("inputs"))
            fields["validation"] = {"dataset": test, "graph": self.validation_graph, **others}
        given = {name: value for name, value in fields.items() if value is not None}
        request = Request("POST", f"{session.path}/jobs", encode_json(given), headers=wish(self.idempotency_key))
        answer = yield from ask(request)
        return JobExchanges(answer, session)

    def _kept(
        self, session: SessionExchanges, data: Tensors | Dataset | str, graph: str, inputs: Mapping[str, str] | None
    ) -> Exchange[str]:
        """The digest of a data set, which is sent first where it is arrays."""
        if isinstance(data, str):
            return data
        if isinstance(data, Dataset):
            return data.digest
        declared = yield from session.input_dtypes(graph)
        dtypes = {(inputs or {}).get(name, name): dtype for name, dtype in declared.items()}
        return (yield from add_dataset(data, dtypes, self.progress)).digest


def _stopping(early_stopping: EarlyStopping | Mapping[str, Any] | None) -> dict[str, Any] | None:
    if early_stopping is None:
        return None
    if isinstance(early_stopping, Mapping):
        return dict(early_stopping)
    return {
        "monitor": early_stopping.monitor,
        "mode": early_stopping.mode,
        "patience": early_stopping.patience,
        "min_delta": float(early_stopping.min_delta),
        "restore_best": early_stopping.restore_best,
    }


class JobExchanges:
    """A job, and what can be asked of it; the methods are those of `Job`.

    Args:
        answer: what the executor says of the job.
        session: the session that it trains, where the caller has it; its number is renewed at the job's end.

    Attributes:
        description: what the executor said of the job last.
        path: the job's path.

    Raises:
        UnexpectedAnswer: the description has not what that of a job has.
    """

    def __init__(self, answer: Answer, session: SessionExchanges | None = None) -> None:
        self.description = self._understand(answer)
        self.path = f"/v1/jobs/{quoted(self.description['id'])}"
        self._session = session

    def _understand(self, answer: Answer) -> dict[str, Any]:
        """Take what the executor says of the job for the newest."""
        self.description = answer.json()
        for name in _JOB_FIELDS:
            field_of(self.description, name)
        return self.description

    @classmethod
    def find(cls, id: str) -> "Exchange[JobExchanges]":
        """A job that exists."""
        return cls((yield from get(f"/v1/jobs/{quoted(id)}")))

    def refresh(self) -> Exchange[dict[str, Any]]:
        """What the executor says of the job now."""
        return self._understand((yield from get(self.path)))

    def reports(self) -> Exchange[list[dict[str, Any]]]:
        """All reports, in order."""
        found: list[dict[str, Any]] = []
        after, last = 0, 1
        while after < last:
            description = self._understand((yield from get(f"{self.path}?after={after}")))
            found += field_of(description, "history")
            after, last = max(field_of(description, "history_through"), after + 1), field_of(description, "last_event")
        return found

    def history(self) -> Exchange[dict[str, list[float]]]:
        """Each figure's values."""
        return figures_by_name((yield from self.reports()))

    def cancel(self) -> Exchange[dict[str, Any]]:
        """End the job after the step that it takes."""
        self._understand((yield from ask(Request("POST", f"{self.path}/cancel"))))
        yield from self._renew()
        return self.description

    def resume(self) -> Exchange[dict[str, Any]]:
        """Let a job that failed or was cancelled go on."""
        return self._understand((yield from ask(Request("POST", f"{self.path}/resume"))))

    def delete(self) -> Exchange[None]:
        """Let the executor forget the job; one that is gone already is as good."""
        with suppress(NotFound):
            yield from ask(Request("DELETE", self.path))

    def outcome(self) -> Exchange[dict[str, list[float]]]:
        """The history of a job that succeeded.

        Raises:
            JobFailed: it failed.
            JobCancelled: it was cancelled.
        """
        reports = yield from self.reports()
        yield from self._renew()
        description = self.description
        if description["state"] == "failed":
            raise JobFailed(description["id"], description["error"])
        if description["state"] == "cancelled":
            raise JobCancelled(f"the job {description['id']} was cancelled after step {description['step']}")
        return figures_by_name(reports)

    def _renew(self) -> Exchange[None]:
        if self._session is not None:
            with suppress(NotFound):  # it may be deleted, and the job cancelled by that
                yield from self._session.refresh()


def figures_by_name(reports: list[dict[str, Any]]) -> dict[str, list[float]]:
    """Each figure's values, in the order of the reports."""
    history: dict[str, list[float]] = {}
    for report in reports:
        for name, value in report["figures"].items():
            history.setdefault(name, []).append(float(value))
    return history


def show_event(bar: TrainingProgress, description: Mapping[str, Any], event: JobEvent) -> None:
    """Let a bar show how far a job is, as an event of it says.

    Args:
        bar: the bar.
        description: what the executor says of the job.
        event: the event.
    """
    loss = event.content.get("figures", {}).get(description["settings"]["loss"])
    epoch = min(event.content["step"] // description["steps_per_epoch"] + 1, description["epochs"])
    text = None if loss is None else f"epoch {epoch}/{description['epochs']}, loss {float(loss):.4f}"
    bar.show(event.content["step"], text)  # where nothing is known of the loss, what was said last stays
