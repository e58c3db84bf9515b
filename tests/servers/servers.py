"""Servers that are written to be configured: Apache httpd, HAProxy, nginx."""

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import trustme

from tests.servers.running import Server, program, running
from tests.support.endpoint import HOST

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
    maxconn {connections}
    stats socket {folder}/socket expose-fd listeners
    log stdout format raw local0
defaults
    mode http
    log global
    timeout client 30s
    timeout server 30s
    timeout connect 5s
    timeout http-keep-alive {keepalive}s
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
error_log {folder}/errors crit;
worker_processes 1;
events {{ worker_connections 512; }}
http {{
    log_format served '$http_x_id $status';
    access_log {folder}/served served;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    keepalive_timeout 30;
    %s
}}
"""
FEW_REQUESTS = """
    keepalive_requests 3;
    server {{ listen {host}:{port}; location / {{ return 200; }} }}
"""
MUTUAL = """
    keepalive_requests 50;
    server {{
        listen {host}:{port} ssl;
        ssl_certificate {folder}/server.pem;
        ssl_certificate_key {folder}/server.key;
        ssl_client_certificate {folder}/ca.pem;
        ssl_verify_client on;
        location / {{ return 200; }}
    }}
"""
LIMITED = """
    limit_req_zone $binary_remote_addr zone=all:1m rate=100r/s;
    limit_req_status {status};
    server {{
        listen {host}:{port};
        location / {{ limit_req zone=all burst=5; proxy_pass http://{host}:{port}/served; }}
        location /served {{ access_log off; return 200; }}
    }}
"""
"""It asks itself for what lies behind the limit: a `return` would come before it."""
MODULES = "/usr/lib/apache2/modules"


@contextmanager
def apache(folder: Path) -> Iterator[Server]:
    """Apache httpd, prefork, with five workers."""
    (folder / "pages").mkdir()
    (folder / "pages" / "hook").write_text("ok", encoding="utf-8")
    (folder / "pages" / "hook").chmod(0o644)
    for each in (folder, folder / "pages", *list(folder.parents)[:3]):
        with suppress(OSError):
            each.chmod(0o755)
    command = [program("apache2", "apache2-bin"), "-D", "FOREGROUND", "-f", "{folder}/conf"]
    with running(command, folder, APACHE, said={"modules": MODULES}) as server:
        yield server


@contextmanager
def haproxy(folder: Path, connections: int = 2000, keepalive: int = 30) -> Iterator[Server]:
    """HAProxy, which accepts so many connections and keeps idle ones for so many seconds."""
    command = [program("haproxy", "haproxy"), "-W", "-db", "-f", "{folder}/conf"]
    said = {"connections": connections, "keepalive": keepalive}
    with running(command, folder, HAPROXY, reload_by=signal.SIGUSR2, said=said) as server:
        yield server


@contextmanager
def haproxy_of_few(folder: Path) -> Iterator[Server]:
    """HAProxy, which accepts four connections."""
    with haproxy(folder, connections=4) as server:
        yield server


@contextmanager
def haproxy_of_short_keepalive(folder: Path) -> Iterator[Server]:
    """HAProxy, which keeps an idle connection for a second."""
    with haproxy(folder, keepalive=1) as server:
        yield server


@contextmanager
def nginx(folder: Path) -> Iterator[Server]:
    """nginx, which takes three requests on a connection."""
    with _nginx(folder, FEW_REQUESTS) as server:
        yield server


@contextmanager
def nginx_that_asks_who_we_are(folder: Path) -> Iterator[Server]:
    """nginx, which answers who has a certificate of the right authority."""
    authority = trustme.CA()
    for name, leaf in (("server", authority.issue_cert(HOST)), ("us", authority.issue_cert("us.example"))):
        leaf.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")
        leaf.private_key_pem.write_to_path(folder / f"{name}.key")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    files = {"ca_file": "ca.pem", "certificate_file": "us.pem", "key_file": "us.key"}
    with _nginx(folder, MUTUAL, scheme="https") as server:
        server.said = {"tls": {name: folder / file for name, file in files.items()}}
        yield server


@contextmanager
def nginx_that_limits(folder: Path, status: int) -> Iterator[Server]:
    """nginx, which takes 100 requests a second and answers what is too much with that status."""
    with _nginx(folder, LIMITED, said={"status": status}) as server:
        yield server


@contextmanager
def _nginx(
    folder: Path, what: str, scheme: str = "http", said: Mapping[str, object] = {}
) -> Iterator[Server]:
    command = [program("nginx", "nginx-light"), "-c", "{folder}/conf", "-p", "{folder}"]
    with running(command, folder, NGINX % what, scheme=scheme, said=said) as server:
        yield server
