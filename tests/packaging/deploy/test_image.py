"""The Dockerfile says what it should, reads only what is there, and keeps to what its locks pin."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from processor import __version__
from processor.config.operators import AdminSettings
from processor.config.sections import DeliverySettings
from tests.packaging.deploy import dockerfile
from tests.support.not_tested import not_tested
from tests.support.stopping import longest_stop

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
TEXT = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
STAGES = dockerfile.read(TEXT)
IMAGE = STAGES[-1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
HADOLINT = Path(sys.executable).with_name("hadolint")
PIN = re.compile(r"^([\w.-]+)==([^\s;\\]+)((?:.|\n    )*)", re.MULTILINE)
FORBIDDEN = (
    *(".git/config", ".venv/bin/python", ".env", "tests/x.py", "deploy/secret", "helm/x.yaml"),
    *("processor/.env", "processor/tls.key", "processor/ca.pem", "processor/core/__pycache__/x.pyc"),
)


def lint(text: str) -> str:
    """What hadolint has against a Dockerfile."""
    done = subprocess.run([HADOLINT, "--no-color", "-"], input=text, capture_output=True, text=True)
    return done.stdout + done.stderr


def pins(file: Path) -> dict[tuple[str, str], set[str]]:
    """The hashes of each name and version in a lock."""
    found = PIN.findall(file.read_text(encoding="utf-8"))
    return {(name, version): set(re.findall(r"sha256:\w+", rest)) for name, version, rest in found}


def named(requirement: str) -> str:
    """The name in a requirement."""
    return re.split(r"[^\w.-]", requirement)[0]


def test_hadolint_has_nothing_against_it() -> None:
    assert lint(TEXT) == ""


def test_hadolint_would_say_what_is_wrong() -> None:
    assert "DL3007" in lint(
        TEXT.replace("ARG BASE=python:3.11-slim-bookworm", "").replace("${BASE}", "a:latest")
    )


def test_it_runs_as_nobody_in_particular_and_needs_no_shell() -> None:
    assert IMAGE.the("USER").text == "10001:10001"
    assert IMAGE.the("ENTRYPOINT").words == ["webhook-processor"]
    assert IMAGE.the("CMD").words == ["run"]
    assert all(
        step.is_exec_form for step in IMAGE.steps if step.name in ("CMD", "ENTRYPOINT", "HEALTHCHECK", "RUN")
    )
    assert IMAGE.the("STOPSIGNAL").text == "SIGTERM"
    assert IMAGE.the("EXPOSE").text == str(AdminSettings().port)


def test_its_labels_are_what_the_project_says_of_itself() -> None:
    labels = {
        name.removeprefix("org.opencontainers.image."): text
        for name, text in IMAGE.the("LABEL").pairs.items()
    }
    project = PROJECT["project"]
    assert labels == {
        "title": project["name"],
        "description": project["description"],
        "licenses": project["license"],
        "version": __version__,
    }


def test_every_stage_has_the_python_that_the_types_are_checked_for() -> None:
    wanted = f"python:{PROJECT['tool']['mypy']['python_version']}-slim-bookworm"
    assert {stage.base for stage in STAGES} == {wanted}


@pytest.mark.parametrize(("lock", "wanted"), [
    ("requirements.lock", PROJECT["project"]["dependencies"]),
    ("build.lock", PROJECT["build-system"]["requires"]),
])  # fmt: skip
def test_a_lock_of_the_image_is_a_part_of_the_one_that_is_tested(lock: str, wanted: list[str]) -> None:
    part = pins(DEPLOY / lock)
    assert part.items() <= pins(ROOT / "requirements.lock").items(), "run `make lock`"
    assert {named(each) for each in wanted} <= {name for name, _ in part}, "run `make lock`"
    assert all(part.values())


def test_no_tool_of_development_is_in_the_image() -> None:
    groups = PROJECT["dependency-groups"].values()
    tools = {named(each) for group in groups for each in group if isinstance(each, str)}
    assert not tools & {name for name, _ in pins(DEPLOY / "requirements.lock")}


def test_every_file_that_is_copied_is_there_and_in_the_context() -> None:
    visible = dockerfile.context(ROOT)
    for step in (step for stage in STAGES for step in stage.all("COPY") if "from" not in step.flags):
        for name in step.words[:-1]:
            assert any(file == name or file.startswith(f"{name}/") for file in visible), name


def test_the_context_holds_the_package_and_nothing_that_is_not_built() -> None:
    if not shutil.which("git") or not (ROOT / ".git").exists():
        not_tested("what the image is built of: install git, and take the sources from its repository")
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "processor"]
    tracked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    tops = {"LICENSE", "README.md", "pyproject.toml", "deploy/build.lock", "deploy/requirements.lock"}
    assert set(dockerfile.context(ROOT)) == tops | set(tracked.stdout.split())


def test_secrets_and_what_belongs_to_development_stay_out(tmp_path: Path) -> None:
    shutil.copy(ROOT / ".dockerignore", tmp_path)
    for name in (*FORBIDDEN, "processor/app.py"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    assert dockerfile.context(tmp_path) == ["processor/app.py"]


def test_a_hole_in_dockerignore_would_be_seen(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_text("*\n!processor\n", encoding="utf-8")
    (tmp_path / "processor").mkdir()
    (tmp_path / "processor" / ".env").touch()
    assert dockerfile.context(tmp_path) == ["processor/.env"]


@pytest.mark.parametrize(("path", "is_out"), [
    ("a/b/c.py", True), ("a/keep", False), ("a/keep/d.py", False), ("a/keep/x/.env", True), ("z.py", False),
])  # fmt: skip
def test_the_last_pattern_that_names_a_path_decides(path: str, is_out: bool) -> None:
    assert dockerfile.ignored(["a", "!a/keep", "**/.*"], path) is is_out


def test_an_instruction_that_is_not_understood_is_refused() -> None:
    with pytest.raises(ValueError, match="ONBUILD"):
        dockerfile.read("FROM a\nONBUILD RUN x\n")


def test_the_health_check_follows_the_port_setting() -> None:
    command = IMAGE.the("HEALTHCHECK").words
    assert command[:2] == ["python", "-Ic"]
    assert f"'WEBHOOK_PROCESSOR__ADMIN__PORT', '{AdminSettings().port}'" in json.dumps(command)


def test_the_page_says_how_to_build_and_run_it() -> None:
    page = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    section = page.partition("## Container")[2].partition("\n## ")[0]
    assert (
        f"`docker build -f {(DEPLOY / 'Dockerfile').relative_to(ROOT)} -t {PROJECT['project']['name']} .`"
        in section
    )
    assert f"user {IMAGE.the('USER').text.partition(':')[0]}," in section
    assert f"--build-arg BASE={IMAGE.base}@" in section
    (given,) = re.findall(r"docker stop --time (\d+)", section)
    assert int(given) > longest_stop(DeliverySettings().drain_timeout)
