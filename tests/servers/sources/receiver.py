"""A receiver as WSGI and as ASGI application; each writes down what it has served."""

import os
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

_SERVED = os.open(os.environ["SERVED"], os.O_WRONLY | os.O_APPEND)


def wsgi(
    environ: dict[str, Any], start_response: Callable[[str, list[tuple[str, str]]], Any]
) -> Iterable[bytes]:
    """For gunicorn."""
    environ["wsgi.input"].read()
    os.write(_SERVED, f"{environ['HTTP_X_ID']} 200\n".encode())
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]


async def asgi(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """For uvicorn."""
    while (await receive()).get("more_body"):
        pass
    os.write(_SERVED, dict(scope["headers"])[b"x-id"] + b" 200\n")
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})
