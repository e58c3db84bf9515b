"""The processor's container as Kubernetes would start it, on this machine: its arguments, environment, files.

Paths in the container become paths in a folder; Secrets are handed in.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.packaging.helm.rendering import Object, of_kind

ROOT = "/etc/webhook-processor"

Secrets = Mapping[tuple[str, str], str]
"""Texts by the name of a Secret and its key."""


class Container(NamedTuple):
    """What a process needs to be one."""

    args: list[str]
    env: dict[str, str]
    settings: Path


class AnySecret(dict[tuple[str, str], str]):
    """Secrets that all exist."""

    def __missing__(self, key: tuple[str, str]) -> str:
        return "/".join(key)


def laid_out(objects: list[Object], deployment: Object, folder: Path, secrets: Secrets) -> Container:
    """Write what is mounted into `folder`; KeyError for a ConfigMap or Secret that does not exist."""
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    for mount in container["volumeMounts"]:
        if mount["mountPath"].startswith(ROOT):
            below = folder / mount["mountPath"].removeprefix(ROOT).lstrip("/")
            for name, text in _files(objects, volumes[mount["name"]], secrets):
                file = below / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text.replace(ROOT, str(folder)), encoding="utf-8")
    env = {each["name"]: _value(each, secrets).replace(ROOT, str(folder)) for each in container["env"]}
    return Container(container["args"], env, Path(env["WEBHOOK_PROCESSOR_CONFIG"]))


def _files(objects: list[Object], volume: Object, secrets: Secrets) -> Iterator[tuple[str, str]]:
    """What is in a volume, by its path in it."""
    if "configMap" in volume:
        maps = {each["metadata"]["name"]: each for each in of_kind(objects, "ConfigMap")}
        yield from maps[volume["configMap"]["name"]]["data"].items()
    for source in volume.get("projected", {}).get("sources", []):
        for item in source["secret"]["items"]:
            yield item["path"], secrets[source["secret"]["name"], item["key"]]


def _value(variable: Mapping[str, Any], secrets: Secrets) -> str:
    """What Kubernetes would put into a variable."""
    if "value" in variable:
        return str(variable["value"])
    source = variable["valueFrom"]
    if "secretKeyRef" in source:
        return secrets[source["secretKeyRef"]["name"], source["secretKeyRef"]["key"]]
    return str(source["fieldRef"]["fieldPath"])
