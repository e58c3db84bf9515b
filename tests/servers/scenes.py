"""Every real server, and what is special about it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from tests.servers import receivers, servers
from tests.servers.running import Server


class Scene(NamedTuple):
    """A server and the traffic to it.

    `pause`: seconds, about, after each answer; `has_few`: workers, so that connections make room.
    """

    name: str
    start: Callable[[Path], AbstractContextManager[Server]]
    pause: float = 0.0
    is_reloaded: bool = False
    has_few: bool = False


SCENES = (
    Scene("Apache prefork, 5 workers", servers.apache, has_few=True),
    Scene("HAProxy, `maxconn 4`", servers.haproxy_of_few, has_few=True),
    Scene("HAProxy, reloaded", servers.haproxy, is_reloaded=True),
    Scene("HAProxy, keep-alive 1 s, a request a second", servers.haproxy_of_short_keepalive, pause=1.0),
    Scene("nginx, `keepalive_requests 3`, reloaded", servers.nginx, is_reloaded=True),
    Scene("nginx, mTLS, `keepalive_requests 50`", servers.nginx_that_asks_who_we_are),
    Scene("gunicorn sync, 3 workers", receivers.gunicorn_sync),
    Scene("gunicorn gthread, 4 threads", receivers.gunicorn_gthread),
    Scene("uvicorn", receivers.uvicorn),
    Scene("Node http", receivers.node),
    Scene("Go net/http", receivers.go),
)
