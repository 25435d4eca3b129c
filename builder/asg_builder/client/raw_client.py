"""`client.with_raw_response`: the methods of a client that one response answers."""

from typing import TYPE_CHECKING

from asg_builder.client.raw_response import async_raw, raw

if TYPE_CHECKING:
    from asg_builder.client.async_client import AsyncClient
    from asg_builder.client.client import Client

__all__ = ["AsyncRawClient", "RawClient"]


class RawClient:
    """The methods of `Client`, each returning a `RawResponse`.

    Args:
        client: whose methods they are.
    """

    def __init__(self, client: "Client") -> None:
        self.info = raw(client.info)
        self.access = raw(client.access)
        self.add_graph = raw(client.add_graph)
        self.graph = raw(client.graph)
        self.run = raw(client.run)
        self.create_session = raw(client.create_session)
        self.import_session = raw(client.import_session)
        self.session = raw(client.session)
        self.sessions = raw(client.sessions)
        self.datasets = raw(client.datasets)
        self.delete_dataset = raw(client.delete_dataset)
        self.job = raw(client.job)
        self.jobs = raw(client.jobs)


class AsyncRawClient:
    """The methods of `AsyncClient`, each returning a `RawResponse`.

    Args:
        client: whose methods they are.
    """

    def __init__(self, client: "AsyncClient") -> None:
        self.info = async_raw(client.info)
        self.access = async_raw(client.access)
        self.add_graph = async_raw(client.add_graph)
        self.graph = async_raw(client.graph)
        self.run = async_raw(client.run)
        self.create_session = async_raw(client.create_session)
        self.import_session = async_raw(client.import_session)
        self.session = async_raw(client.session)
        self.sessions = async_raw(client.sessions)
        self.datasets = async_raw(client.datasets)
        self.delete_dataset = async_raw(client.delete_dataset)
        self.job = async_raw(client.job)
        self.jobs = async_raw(client.jobs)
