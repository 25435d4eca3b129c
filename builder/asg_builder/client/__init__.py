"""The client of an executor, over HTTP.

```python
with Client.local() as client:
    session = client.create_session({"train": train}, optim.SGD(0.1))
    session.step(x=x, target=target)["loss"]
```
"""

from asg_builder.client.client import Client
from asg_builder.client.errors import (
    AccessDenied,
    ClientError,
    Conflict,
    ConnectionFailed,
    LocalServerFailed,
    NotFound,
    Overloaded,
    ServerFault,
    ServiceError,
    TooLarge,
    UnexpectedAnswer,
    ValidationProblem,
)
from asg_builder.client.session import Session

__all__ = [
    "AccessDenied",
    "Client",
    "ClientError",
    "Conflict",
    "ConnectionFailed",
    "LocalServerFailed",
    "NotFound",
    "Overloaded",
    "ServerFault",
    "ServiceError",
    "Session",
    "TooLarge",
    "UnexpectedAnswer",
    "ValidationProblem",
]
