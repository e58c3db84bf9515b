"""What the project says of itself: what it needs, and what its source archive holds."""

import ast
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path
from typing import Any

from tests.support.not_tested import not_tested

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
NEEDED = {
    re.split("[^A-Za-z0-9-]", each)[0].lower(): each
    for each in chain(
        PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"].values()
    )
}
"""Requirements by the names of distributions."""
DOCUMENTED = {"msgspec", "typer"}
"""Still 0.x, but nothing of them is used that they do not document."""
_OPENTELEMETRY = {
    "opentelemetry.sdk": "opentelemetry-sdk",
    "opentelemetry.exporter": "opentelemetry-exporter-otlp-proto-http",
}
GROUPS: dict[str, list[Any]] = PROJECT["dependency-groups"]


DISTRIBUTIONS = packages_distributions()


@cache
def imported() -> frozenset[str]:
    """Every module of others that the package imports, `__future__` and the standard library left out."""
    found = set()
    for path in (ROOT / "processor").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module)
    ours = {*sys.stdlib_module_names, "processor"}
    return frozenset(name for name in found if name.partition(".")[0] not in ours)


def distribution(module: str) -> str:
    """What has to be installed for a module. Several share the names `google` and `opentelemetry`."""
    if module.startswith("opentelemetry"):
        parts = [part for part in _OPENTELEMETRY if module.startswith(part)]
        return _OPENTELEMETRY[parts[0]] if parts else "opentelemetry-api"
    if module.startswith("google."):
        return "protobuf" if module.startswith("google.protobuf") else "googleapis-common-protos"
    name = module.partition(".")[0]
    return DISTRIBUTIONS.get(name, [name])[0].lower().replace("_", "-")


def test_what_is_imported_is_declared_and_what_is_declared_imported() -> None:
    assert {distribution(module) for module in imported()} == set(NEEDED)


def test_a_library_whose_insides_are_used_has_an_upper_bound() -> None:
    insides = [module for module in imported() if "._" in module]
    assert insides
    assert [module for module in insides if "<" not in NEEDED[distribution(module)]] == []


def test_a_version_that_may_break_everything_is_bounded_by_the_next() -> None:
    unstable = {name: text for name, text in NEEDED.items() if re.search(r">=0\.", text)}
    assert {name for name, text in unstable.items() if "<" not in text} <= DOCUMENTED


def test_who_develops_has_every_group_and_the_lock_holds_them() -> None:
    included = {each["include-group"] for each in GROUPS["dev"] if isinstance(each, dict)}
    assert included == set(GROUPS) - {"dev"}
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))
    wanted = {
        re.split("[^A-Za-z0-9-]", each)[0]
        for group in GROUPS.values()
        for each in group
        if isinstance(each, str)
    }
    assert wanted | set(NEEDED) <= locked, "run `make lock`"


def test_the_source_archive_holds_every_file_of_the_tree(tmp_path: Path) -> None:
    git = shutil.which("git")
    listed = git and subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True)
    if not listed or listed.returncode:
        not_tested("what the source archive holds: this is no clone of the repository", optional=True)
    command = [sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (archive,) = tmp_path.iterdir()
    with tarfile.open(archive) as opened:
        held = {name.partition("/")[2] for name in opened.getnames()}
    tracked = {name for name in listed.stdout.decode().split("\0") if (ROOT / name).is_file()}
    assert tracked <= held
