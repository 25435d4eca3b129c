"""`record`: exchanges with a service, and the file of the package that has them."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import asg_executor.api
from asg_executor.safetensors_bytes import MEDIA_TYPE, write_safetensors
from executor_harness.in_process import Server, in_process
from executor_harness.regression import regression, regression_data, regression_gradient

__all__ = ["FILE", "record", "write"]

FILE = Path(asg_executor.api.__file__).parent / "examples.json"

_SESSION = "/v1/sessions/{session_id}"
_CHECKPOINT = f"{_SESSION}/checkpoints/{{name}}"
_STEP = f"{_SESSION}/steps/{{number}}"
_JOB = "/v1/jobs/{job_id}"
_MODEL = "/v2/models/{model_name}"
_INPUTS = {"x": [[1.0, 2.0, 3.0]], "target": [[0.5]]}
_TIME = "2026-01-01T00:00:00.000Z"
_ID = "0f8c3f3b5d0e4f6c9a7d1b2e4c6a8e0f"
_FEW = 8  # of a long list, such as that of the ops


class _Recorder:
    """Asks a service, and keeps what was asked and answered, by method and path."""

    def __init__(self, server: Server) -> None:
        self.exchanges: dict[str, dict[str, Any]] = {}
        self._server = server

    def ask(self, method: str, path: str, body: Any = None, *, keep: bool = True, **names: Any) -> Any:
        headers = {"Accept": "application/json"}
        response = self._server.http.request(method, path.format(**names), json=body, headers=headers)
        assert response.is_success, (method, path, response.text)
        answer = response.json() if response.content else None
        if keep:
            asked = {} if body is None else {"request": body}
            self.exchanges[f"{method} {path}"] = {**asked, "status": response.status_code, "answer": answer}
        return answer


def record() -> dict[str, dict[str, Any]]:
    """What each request is answered that has an answer in JSON, by method and path."""
    with TemporaryDirectory() as folder:
        url = f"file://{folder}/exports/"
        with in_process(data_dir=Path(folder) / "data", export_urls=[url]) as server:
            recorder = _Recorder(server)
            _record(recorder, server, url)
            return {name: _lasting(item, folder) for name, item in sorted(recorder.exchanges.items())}


def _record(recorder: _Recorder, server: Server, url: str) -> None:
    ask = recorder.ask
    predict = ask("POST", "/v1/graphs", json.loads(regression().to_json()))["digest"]
    train = ask("POST", "/v1/graphs", json.loads(regression_gradient().to_json()), keep=False)["digest"]
    ask("GET", "/v1/graphs/{digest}", digest=predict)
    parameters = {"weight": [[0.1], [0.2], [0.3]], "bias": [0.0]}
    run = {"inputs": {"x": _INPUTS["x"]}, "parameters": parameters, "outputs": ["prediction"]}
    ask("POST", "/v1/graphs/{digest}/run", run, digest=predict)
    optimizer = {"kind": "adam", "learning_rate": 0.01, "average_decay": 0.99}
    creation = {"graphs": {"predict": predict, "train": train}, "optimizer": optimizer, "seed": 0}
    id = ask("POST", "/v1/sessions", creation)["id"]
    ask("PUT", _STEP, {"inputs": _INPUTS}, session_id=id, number=1)
    part = ask("PUT", f"{_STEP}/parts/{{part}}", {"inputs": _INPUTS}, session_id=id, number=2, part=0)
    ask("GET", f"{_STEP}/parts", session_id=id, number=2)
    ask("PUT", _STEP, {"parts": 1, "digest": part["digest"]}, session_id=id, number=2, keep=False)
    ask("GET", _SESSION, session_id=id)
    ask("POST", f"{_SESSION}/run", {"graph": "predict", "inputs": {"x": _INPUTS["x"]}}, session_id=id)
    ask("GET", f"{_SESSION}/parameters", session_id=id)
    ask("GET", f"{_SESSION}/parameters/average", session_id=id)
    ask("PUT", f"{_SESSION}/parameters", {"parameters": {"bias": [0.5]}}, session_id=id)
    best = {"name": "best", "metrics": {"val_loss": 0.31}}
    ask("POST", f"{_SESSION}/checkpoints", best, session_id=id)
    ask("GET", f"{_SESSION}/checkpoints", session_id=id)
    ask("GET", _CHECKPOINT, session_id=id, name="best")
    ask("POST", f"{_CHECKPOINT}/restore", {"optimizer": True}, session_id=id, name="best")
    ask("POST", f"{_CHECKPOINT}/export", {"url": f"{url}best"}, session_id=id, name="best")
    ask("POST", f"{_SESSION}/checkpoints/import", {"url": f"{url}best", "name": "again"}, session_id=id)
    ask("POST", "/v1/sessions/import", {"url": f"{url}best"})
    ask("GET", "/v1/sessions")
    _record_jobs(recorder, server, id)
    _record_inference(ask, id)
    ask("GET", "/v1/access")
    ask("GET", "/v1")
    ask("GET", "/healthz/live")
    ask("GET", "/healthz/ready")


def _record_inference(ask: Callable[..., Any], session: str) -> None:
    x = {"name": "x", "shape": [1, 3], "datatype": "FP32", "data": _INPUTS["x"]}
    request = {"id": "1", "inputs": [x], "outputs": [{"name": "prediction"}]}
    for path in (_MODEL, f"{_MODEL}/versions/{{version}}"):
        ask("POST", f"{path}/infer", request, model_name=f"{session}.predict", version="best")
        for item in ("", "/ready", "/config", "/stats"):
            ask("GET", f"{path}{item}", model_name=f"{session}.predict", version="best")
    ask("GET", "/v2/models/stats")
    ask("POST", "/v2/repository/index", {"ready": True})
    ask("POST", "/v2/repository/models/{model_name}/load", {}, model_name=f"{session}.predict")
    for path in ("/v2", "/v2/health/live", "/v2/health/ready"):
        ask("GET", path)


def _record_jobs(recorder: _Recorder, server: Server, session: str) -> None:
    ask = recorder.ask
    content = write_safetensors(regression_data(), {})
    response = server.http.post("/v1/datasets", content=content, headers={"Content-Type": MEDIA_TYPE})
    dataset = response.json()["digest"]
    recorder.exchanges["POST /v1/datasets"] = {"status": response.status_code, "answer": response.json()}
    ask("GET", "/v1/datasets")
    ask("GET", "/v1/datasets/{dataset}", dataset=dataset)
    wanted = {"dataset": dataset, "batch_size": 16, "epochs": 2, "shuffle_seed": 0}
    job = ask("POST", f"{_SESSION}/jobs", wanted, session_id=session)["id"]
    ask("POST", f"{_JOB}/cancel", job_id=job)
    while ask("GET", _JOB, job_id=job, keep=False)["ended"] is None:
        pass
    ask("POST", f"{_JOB}/resume", job_id=job)
    while ask("GET", _JOB, job_id=job)["state"] != "succeeded":
        pass
    ask("GET", "/v1/jobs")
    ask("GET", f"{_SESSION}/jobs", session_id=session)


def _lasting(value: Any, folder: str) -> Any:
    """A value without what differs from one recording to the next: times, ids, and where it was made."""
    if isinstance(value, list):
        items = cast("list[Any]", value)
        return [_lasting(item, folder) for item in items[:_FEW]]
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return {key: _lasting(item, folder) for key, item in fields.items()}
    if not isinstance(value, str):
        return value
    value = re.sub(r"\b[0-9a-f]{32}\b", _ID, value)
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", _TIME, value).replace(f"file://{folder}", "s3://bucket")


def write() -> None:
    """Write the examples anew."""
    FILE.write_text(json.dumps(record(), indent=1, ensure_ascii=False) + "\n")
