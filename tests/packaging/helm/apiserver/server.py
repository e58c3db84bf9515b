"""kube-apiserver with an etcd of its own on loopback ports, and what a test asks it.

Nothing runs in it: it has no nodes and no controllers. It says what it would do with an object, by the
very code that a cluster does it with: decoding, defaults, validation, Pod Security.
"""

import json
import secrets
import ssl
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.error import HTTPError, URLError
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

import trustme

from tests.packaging.helm.apiserver import build
from tests.support.apache_kafka import free_ports, until

START_SECONDS = 90.0
HOST = "127.0.0.1"

Object = Mapping[str, Any]


class Verdict(NamedTuple):
    """What the server says of an object: the status, why, and its warnings."""

    status: int
    reason: str
    warnings: tuple[str, ...]

    @property
    def is_accepted(self) -> bool:
        """Whether a cluster would take it and had nothing to say about it."""
        return self.status in (200, 201) and not self.warnings


class ApiServer:
    """A running server; a context manager. Objects that name no namespace belong to `namespace`.

    It warns of every pod in there that is not restricted, as the Pod Security Standards have it.
    """

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace

    def __enter__(self) -> Self:
        with ExitStack() as rooms:
            self._folder = Path(rooms.enter_context(tempfile.TemporaryDirectory(prefix="apiserver-")))
            port, etcd, peers = free_ports(3)
            self._url = f"https://{HOST}:{port}"
            self._token = secrets.token_hex()
            self._opener = build_opener(ProxyHandler({}), HTTPSHandler(context=self._certify()))
            rooms.enter_context(self._started("etcd", _etcd(self._folder, etcd, peers)))
            rooms.enter_context(self._started("kube-apiserver", self._apiserver(port, etcd)))
            try:
                until(self._is_ready, "the API server", START_SECONDS)
            except TimeoutError as error:
                error.add_note((self._folder / "kube-apiserver.log").read_text(encoding="utf-8")[-4000:])
                raise
            labels = {"pod-security.kubernetes.io/warn": "restricted"}
            metadata = {"name": self._namespace, "labels": labels}
            self._create({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
            self._rooms = rooms.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rooms.close()

    def create_resource(self, definition: Object) -> None:
        """Make a CustomResourceDefinition known, and wait until objects of its kind can be posted."""
        self._create(definition)
        name = definition["metadata"]["name"]
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}"
        until(lambda: "Established" in _true(self._said(path)), f"the resource {name}")

    def would_take(self, each: Object) -> Verdict:
        """Judge an object as if it were created: everything but keeping it."""
        return self._post(each, "?dryRun=All&fieldValidation=Strict")

    def _create(self, each: Object) -> None:
        verdict = self._post(each, "")
        assert verdict.status == 201, verdict

    def _post(self, each: Object, query: str) -> Verdict:
        request = self._request(self._path(each) + query, json.dumps(each, default=str).encode())
        try:
            with self._opener.open(request, timeout=30) as answer:
                return Verdict(answer.status, "", tuple(answer.headers.get_all("Warning", ())))
        except HTTPError as error:
            with error:
                return Verdict(error.code, json.load(error)["message"], ())

    def _path(self, each: Object) -> str:
        """Where objects of this kind are posted to, as the server itself says."""
        version = each["apiVersion"]
        base = f"/apis/{version}" if "/" in version else f"/api/{version}"
        found = next((known for known in self._known(base) if known["kind"] == each["kind"]), None)
        assert found, f"the server knows no {version} {each['kind']}"
        within = (
            f"/namespaces/{each['metadata'].get('namespace', self._namespace)}" if found["namespaced"] else ""
        )
        return f"{base}{within}/{found['name']}"

    def _known(self, base: str) -> list[dict[str, Any]]:
        listed = self._said(base)["resources"]
        return [each for each in listed if "/" not in each["name"]]

    def _said(self, path: str) -> dict[str, Any]:
        with self._opener.open(self._request(path), timeout=30) as answer:
            said: dict[str, Any] = json.load(answer)
        return said

    def _request(self, path: str, body: bytes | None = None) -> Request:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        return Request(self._url + path, body, headers)

    def _is_ready(self) -> bool:
        try:
            with self._opener.open(self._request("/readyz"), timeout=5):
                return True
        except (URLError, OSError):
            return False

    def _certify(self) -> ssl.SSLContext:
        authority, client = trustme.CA(), ssl.create_default_context()
        authority.issue_cert(HOST).private_key_and_cert_chain_pem.write_to_path(self._folder / "server.pem")
        authority.configure_trust(client)
        return client

    def _apiserver(self, port: int, etcd: int) -> list[str]:
        tokens, pem = self._folder / "tokens", self._folder / "server.pem"
        tokens.write_text(f"{self._token},tester,tester,system:masters\n", encoding="utf-8")
        return [
            f"--etcd-servers=http://{HOST}:{etcd}",
            f"--bind-address={HOST}",
            f"--secure-port={port}",
            f"--tls-cert-file={pem}",
            f"--tls-private-key-file={pem}",
            f"--token-auth-file={tokens}",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={pem}",
            f"--service-account-signing-key-file={pem}",
            "--endpoint-reconciler-type=none",
        ]

    def _started(self, program: str, arguments: list[str]) -> "_Process":
        return _Process([str(build.target() / program), *arguments], self._folder / f"{program}.log")


class _Process:
    """A program, ended on leaving."""

    def __init__(self, command: list[str], log: Path) -> None:
        self._command, self._log = command, log

    def __enter__(self) -> None:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


def _etcd(folder: Path, port: int, peers: int) -> list[str]:
    url, peer_url = f"http://{HOST}:{port}", f"http://{HOST}:{peers}"
    return [
        f"--data-dir={folder}/etcd",
        f"--listen-client-urls={url}",
        f"--advertise-client-urls={url}",
        f"--listen-peer-urls={peer_url}",
        f"--initial-advertise-peer-urls={peer_url}",
        f"--initial-cluster=default={peer_url}",
        "--unsafe-no-fsync",
    ]


def _true(each: Object) -> set[str]:
    """The conditions of an object that are true."""
    conditions = each.get("status", {}).get("conditions") or ()
    return {condition["type"] for condition in conditions if condition["status"] == "True"}
