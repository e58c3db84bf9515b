"""Real servers on a port of this machine, and what they say that they have served.

Each writes a line for every request that it has processed: `ID STATUS`, the ID from the header `X-Id`.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.endpoint import HOST, unused_port
from tests.support.not_tested import not_tested
from tests.support.patience import PATIENCE

APACHE = """\
ServerName {host}
ServerRoot {folder}
PidFile {folder}/pid
DefaultRuntimeDir {folder}
ErrorLog {folder}/errors
LoadModule mpm_prefork_module {modules}/mod_mpm_prefork.so
LoadModule authz_core_module {modules}/mod_authz_core.so
Mutex file:{folder}
User www-data
Group www-data
Listen {host}:{port}
ServerLimit 5
MaxRequestWorkers 5
StartServers 5
MinSpareServers 1
KeepAlive On
KeepAliveTimeout 5
MaxKeepAliveRequests 100
DocumentRoot {folder}/pages
LogFormat "%{{X-Id}}i %>s" served
CustomLog {folder}/served served
"""
HAPROXY = """\
global
    nbthread 1 # threads that write at the same time drop lines
    maxconn 4
    log stdout format raw local0
defaults
    mode http
    log global
    timeout client 30s
    timeout server 30s
    timeout connect 5s
    timeout http-keep-alive 30s
frontend all
    bind {host}:{port}
    declare capture request len 64
    http-request capture req.hdr(X-Id) id 0
    log-format "%[capture.req.hdr(0)] %ST"
    http-request return status 200 content-type text/plain string ok
"""
NGINX = """\
daemon off;
pid {folder}/pid;
error_log {folder}/errors;
worker_processes 1;
events {{ worker_connections 512; }}
http {{
    log_format served '$http_x_id $status';
    access_log {folder}/served served;
    client_body_temp_path {folder}/body;
    keepalive_requests {requests};
    keepalive_timeout 30;
    server {{
        listen {host}:{port};
        location / {{ return 200; }}
    }}
}}
"""
LIMITED = """daemon off;
pid {folder}/pid;
error_log {folder}/errors crit;
worker_processes 1;
events {{ worker_connections 512; }}
http {{
    limit_req_zone $binary_remote_addr zone=all:1m rate=100r/s;
    limit_req_status {requests};
    log_format served '$http_x_id $status';
    access_log {folder}/served served;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    server {{
        listen {host}:{port};
        location / {{ limit_req zone=all burst=5; proxy_pass http://{host}:{port}/served; }}
        location /served {{ access_log off; return 200; }}
    }}
}}
"""
"""It asks itself for what lies behind the limit: a `return` would come before it."""
MODULES = "/usr/lib/apache2/modules"


class Server:
    """A server that runs."""

    def __init__(self, url: str, served: Path, process: subprocess.Popen[bytes]) -> None:
        self.url = url
        self._served = served
        self._process = process

    def served(self, delivered: int) -> Counter[str]:
        """How often each request was processed, once as many as were delivered are written down."""
        end = time.monotonic() + PATIENCE
        while (found := self._read()).total() < delivered and time.monotonic() < end:
            time.sleep(0.02)
        return found

    def _read(self) -> Counter[str]:
        lines = [line.split() for line in self._served.read_text(encoding="utf-8").splitlines()]
        return Counter(words[0] for words in lines if len(words) == 2 and words[1] == "200")

    def reload(self) -> None:
        """Begin anew with the same configuration: those at work finish what they have, then end."""
        self._process.send_signal(signal.SIGHUP)


@contextmanager
def apache(folder: Path) -> Iterator[Server]:
    """Apache httpd, prefork, with five workers."""
    (folder / "pages").mkdir()
    (folder / "pages" / "hook").write_text("ok", encoding="utf-8")
    (folder / "pages" / "hook").chmod(0o644)
    for each in (folder, folder / "pages", *list(folder.parents)[:3]):
        with suppress(OSError):
            each.chmod(0o755)
    program = _program("apache2", "apache2-bin")
    with _running(APACHE, folder, [program, "-D", "FOREGROUND", "-f", f"{folder}/conf"]) as server:
        yield server


@contextmanager
def haproxy(folder: Path) -> Iterator[Server]:
    """HAProxy, which accepts four connections."""
    program = _program("haproxy", "haproxy")
    with _running(HAPROXY, folder, [program, "-db", "-f", f"{folder}/conf"]) as server:
        yield server


@contextmanager
def nginx(folder: Path, requests: int) -> Iterator[Server]:
    """nginx, which takes so many requests on a connection."""
    program = _program("nginx", "nginx-light")
    with _running(NGINX, folder, [program, "-c", f"{folder}/conf", "-p", str(folder)], requests) as server:
        yield server


@contextmanager
def nginx_that_limits(folder: Path, status: int) -> Iterator[Server]:
    """nginx, which takes 100 requests a second and answers what is too much with that status."""
    program = _program("nginx", "nginx-light")
    with _running(LIMITED, folder, [program, "-c", f"{folder}/conf", "-p", str(folder)], status) as server:
        yield server


def _program(name: str, package: str) -> str:
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    return found or not_tested(f"what {name} does: install Debian's {package}")


@contextmanager
def _running(conf: str, folder: Path, command: list[str], requests: int = 0) -> Iterator[Server]:
    port, served = unused_port(), folder / "served"
    said = conf.format(folder=folder, host=HOST, port=port, modules=MODULES, requests=requests)
    (folder / "conf").write_text(said, encoding="utf-8")
    with served.open("ab") as out, (folder / "said").open("wb") as errors:
        process = subprocess.Popen(command, stdout=out, stderr=errors, start_new_session=True)
    try:
        _wait_for(port, process, folder)
        yield Server(f"http://{HOST}:{port}", served, process)
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _wait_for(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        assert process.poll() is None, (folder / "said").read_text(encoding="utf-8")
        with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        time.sleep(0.02)
    raise TimeoutError((folder / "said").read_text(encoding="utf-8"))
