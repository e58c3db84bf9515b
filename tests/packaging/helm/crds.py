"""The schemas that KEDA and the Prometheus operator publish, out of pinned releases of their Go modules.

They are fetched once, into `.cache`. Fields that they do not know are refused, as the API server does with
`fieldValidation=Strict`.
"""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from tests.packaging.helm.rendering import Object

CACHE = Path(__file__).parents[3] / ".cache"
MODULES = {
    "github.com/kedacore/keda/v2@v2.21.0": {
        "ScaledObject": "config/crd/bases/keda.sh_scaledobjects.yaml",
        "TriggerAuthentication": "config/crd/bases/keda.sh_triggerauthentications.yaml",
    },
    "github.com/prometheus-operator/prometheus-operator@v0.85.0": {
        kind: f"example/prometheus-operator-crd/monitoring.coreos.com_{kind.lower()}s.yaml"
        for kind in ("ServiceMonitor", "PodMonitor", "PrometheusRule")
    },
}
KINDS = [kind for files in MODULES.values() for kind in files]
GROUPS = ("keda.sh", "monitoring.coreos.com")


class Judges:
    """A schema for each kind."""

    def __init__(self, folder: Path) -> None:
        self._schemas = {kind: _schema(folder / f"{kind}.yaml") for kind in KINDS}

    def faults(self, each: Object) -> list[str]:
        """What is wrong with an object."""
        version = each["apiVersion"].rpartition("/")[2]
        validator = jsonschema.Draft202012Validator(self._schemas[each["kind"]][version])
        return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(each)]


def absent() -> str:
    """Why they cannot be had; nothing where they can."""
    if _folder().exists() or shutil.which("go"):
        return ""
    return "no Go, which fetches the schemas of KEDA and the Prometheus operator: install golang-go"


def judges() -> Judges:
    """Fetch what is not there yet."""
    if not _folder().exists():
        CACHE.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            _fetch(Path(folder))
    return Judges(_folder())


def _folder() -> Path:
    versions = "-".join(module.rpartition("@")[2] for module in MODULES)
    return CACHE / f"crds-{versions}"


def _fetch(folder: Path) -> None:
    chosen = folder / "chosen"
    chosen.mkdir()
    env = os.environ | {"GOMODCACHE": str(folder / "modules"), "GOFLAGS": "-modcacherw"}
    for module, files in MODULES.items():
        said = subprocess.run(
            ["go", "mod", "download", "-json", module], cwd=folder, env=env, capture_output=True, text=True
        )
        assert said.returncode == 0, said.stdout + said.stderr
        for kind, file in files.items():
            shutil.copy(Path(json.loads(said.stdout)["Dir"]) / file, chosen / f"{kind}.yaml")
    chosen.rename(_folder())


def _schema(file: Path) -> dict[str, Any]:
    """The schemas of a kind, by version."""
    said = yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader)
    return {each["name"]: _strict(each["schema"]["openAPIV3Schema"]) for each in said["spec"]["versions"]}


def _strict(schema: Any) -> Any:
    """As JSON Schema, with unknown fields refused."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        name: {field: _strict(of) for field, of in each.items()} if name == "properties" else _strict(each)
        for name, each in schema.items()
        if name not in ("description", "format")
    }
    if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        kept["additionalProperties"] = False
    if schema.get("x-kubernetes-int-or-string"):
        kept.pop("type", None)
    if schema.get("nullable") and "type" in kept:
        kept["type"] = [kept["type"], "null"]
    return kept
