"""The client of an executor, over HTTP.

```python
with Client.local() as client:
    session = client.create_session({"train": train}, optim.SGD(0.1))
    session.step(x=x, target=target)["loss"]

async with await AsyncClient.local() as client:
    session = await client.create_session({"train": train}, optim.SGD(0.1))
    (await session.step(x=x, target=target))["loss"]
```
"""

from asg_builder.client.async_client import AsyncClient
from asg_builder.client.async_jobs import AsyncJob
from asg_builder.client.async_session import AsyncSession
from asg_builder.client.client import Client
from asg_builder.client.errors import (
    AccessDenied,
    ClientError,
    Conflict,
    ConnectionFailed,
    JobCancelled,
    JobFailed,
    LocalServerFailed,
    NotFound,
    Overloaded,
    QuotaExceeded,
    ServerFault,
    ServiceError,
    StorageFull,
    TimedOut,
    TlsFailed,
    TooLarge,
    UnexpectedAnswer,
    ValidationProblem,
)
from asg_builder.client.exchanges.job_events import JobEvent
from asg_builder.client.exchanges.jobs import Dataset
from asg_builder.client.jobs import Job
from asg_builder.client.raw_response import RawResponse
from asg_builder.client.session import Session

__all__ = [
    "AccessDenied",
    "AsyncClient",
    "AsyncJob",
    "AsyncSession",
    "Client",
    "ClientError",
    "Conflict",
    "ConnectionFailed",
    "Dataset",
    "Job",
    "JobCancelled",
    "JobEvent",
    "JobFailed",
    "LocalServerFailed",
    "NotFound",
    "Overloaded",
    "QuotaExceeded",
    "RawResponse",
    "ServerFault",
    "ServiceError",
    "Session",
    "StorageFull",
    "TimedOut",
    "TlsFailed",
    "TooLarge",
    "UnexpectedAnswer",
    "ValidationProblem",
]
