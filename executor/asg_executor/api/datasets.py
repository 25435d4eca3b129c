"""`/v1/datasets`: data sets, sent once, that jobs train with."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from asg_executor.api.answer_documentation import answers
from asg_executor.api.answers.datasets import Dataset, DatasetList
from asg_executor.api.bodies import json_response
from asg_executor.api.dataset_upload import receive_dataset
from asg_executor.api.media_types import SAFETENSORS, body_type
from asg_executor.api.problems import ProblemError
from asg_executor.api.scoped_access import RunAccess, TrainAccess
from asg_executor.datasets.dataset import DatasetInfo
from asg_executor.jobs.job import timestamp
from asg_executor.store.datasets import DamagedDataset

__all__ = ["router"]

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])

_UPLOAD: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            SAFETENSORS: {
                "schema": {
                    "type": "string",
                    "format": "binary",
                    "description": "Tensors with a row for each example: their first axes have one length.",
                }
            }
        },
    }
}


@router.post("", openapi_extra=_UPLOAD, status_code=201, responses=answers(Dataset, 200, 201))
async def add_dataset(request: Request, service: TrainAccess) -> Response:
    """Keep a data set under its digest, the SHA-256 of its file. One that is there already is answered 200.

    It is written to the disk while it arrives. Texts in its header are not kept.
    """
    with service.admit():
        if body_type(request) != SAFETENSORS:
            raise ProblemError("unsupported_media_type", f"a data set is {SAFETENSORS}")
        info, is_new = await receive_dataset(request, service, service.principal.tenant, _no_check)
    headers = {"Location": f"/v1/datasets/{info.digest}"}
    return json_response(_describe(info), 201 if is_new else 200, headers)


def _no_check(_: Mapping[str, str]) -> None:
    """A data set by itself may have any texts."""


@router.get("", responses=answers(DatasetList))
async def list_datasets(service: RunAccess) -> Response:
    """All data sets, in the order in which they were sent; those that are damaged apart, with the reason."""
    with service.admit():
        store, tenant = service.datasets, service.principal.tenant
        found = await service.pool.run(lambda: store.all(tenant))
    sound = [_describe(item) for item in found if isinstance(item, DatasetInfo)]
    damaged = [item._asdict() for item in found if isinstance(item, DamagedDataset)]
    return json_response({"datasets": sound, "damaged": damaged})


@router.get("/{dataset}", responses=answers(Dataset))
async def get_dataset(dataset: str, service: RunAccess) -> Response:
    """What is known of a data set: its size, its length, and the dtype and shape of each tensor."""
    with service.admit():
        store, tenant = service.datasets, service.principal.tenant
        info = await service.pool.run(lambda: store.find(tenant, dataset))
    return json_response(_describe(info))


@router.delete("/{dataset}", status_code=204)
async def delete_dataset(dataset: str, service: TrainAccess) -> Response:
    """Remove a data set, unless a job that is not at its end reads it."""
    with service.admit():
        store, tenant = service.datasets, service.principal.tenant
        service.jobs.check_dataset_free(tenant, dataset)
        await service.pool.run(lambda: store.remove(tenant, dataset))
    return Response(status_code=204)


def _describe(info: DatasetInfo) -> dict[str, Any]:
    return {
        "digest": info.digest,
        "bytes": info.bytes,
        "length": info.length,
        "tensors": {
            name: {"dtype": type.dtype.value, "shape": list(type.shape)} for name, type in info.tensors.items()
        },
        "created": timestamp(info.created),
    }
