"""Checkov, which knows what is unwise in Kubernetes, finds nothing in what the chart renders by default.

It lives in an environment of its own under `.cache`, for it wants other versions of what we use.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.packaging.helm.rendering import cases, layered, rendered
from tests.support.not_tested import not_tested

CHECKOV = "checkov==3.3.30"
ENVIRONMENT = Path(__file__).parents[3] / ".cache" / CHECKOV.replace("==", "-")
UV = Path(sys.executable).with_name("uv")
CASES = cases()
DIGEST = {"defaults": {"image": {"digest": "sha256:" + "a" * 64}}}
UNWISE = {"defaults": {"securityContext": {"readOnlyRootFilesystem": False}}}


RENDERED = {
    "default": CASES["minimal"],
    "pinned": layered(CASES["minimal"], DIGEST),
    "everything": CASES["everything"],
    "unwise": layered(CASES["minimal"], DIGEST, UNWISE),
}
"""What is judged; each is a release of its own, so that none vouches for another."""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What checkov says of all files."""
    if not (ENVIRONMENT / "bin" / "checkov").exists():
        _install()
    folder = tmp_path_factory.mktemp("rendered")
    for name, values in RENDERED.items():
        text = yaml.safe_dump_all(rendered(values, release=name))
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    command = [str(ENVIRONMENT / "bin" / "checkov"), "-d", ".", "--framework", "kubernetes"]
    options = ["--skip-download", "--output", "json", "--compact"]
    env = os.environ | {"CKV_SKIP_PACKAGE_UPDATE_CHECK": "true"}
    said = subprocess.run([*command, *options], cwd=folder, env=env, capture_output=True, text=True)
    results: dict[str, Any] = json.loads(said.stdout)["results"]
    return results


def failed(report: Mapping[str, Any], name: str) -> set[str]:
    """The checks that failed in a file; some hundred have to have been made."""
    passed = [each for each in report["passed_checks"] if each["file_path"] == f"/{name}.yaml"]
    assert len(passed) > 100
    return {each["check_id"] for each in report["failed_checks"] if each["file_path"] == f"/{name}.yaml"}


def _install() -> None:
    """Anew where it was broken off."""
    for command in (["venv", "--clear", str(ENVIRONMENT)], ["pip", "install", CHECKOV]):
        env = os.environ | {"VIRTUAL_ENV": str(ENVIRONMENT)}
        done = subprocess.run([str(UV), *command, "--quiet"], env=env, capture_output=True, text=True)
        if done.returncode != 0:
            not_tested(f"the chart by checkov: it cannot be fetched ({done.stderr.strip()[-200:]})")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("pinned", set()),
        ("default", {"CKV_K8S_43"}),
        ("everything", {"CKV_K8S_35"}),
        ("unwise", {"CKV_K8S_22"}),
    ],
)
def test_it_finds_nothing_but_an_image_without_a_digest_and_secrets_in_variables(
    name: str, found: set[str], report: Mapping[str, Any]
) -> None:
    assert failed(report, name) == found
