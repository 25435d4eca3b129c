"""A bare FastAPI application that answers or counts the bytes that it gets, under uvicorn as `asg serve` runs it."""

import socket

import uvicorn
from fastapi import FastAPI, Request, Response

app = FastAPI()


@app.post("/echo")
async def echo(request: Request) -> Response:
    """The body."""
    return Response(await request.body(), media_type="application/octet-stream")


@app.put("/count")
async def count(request: Request) -> Response:
    """How many bytes the body has."""
    return Response(str(len(await request.body())), media_type="text/plain")


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, server_header=False)).run([listener])
