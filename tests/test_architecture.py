"""Floors, doors and house rules: what of the world a line may touch, read from the syntax trees."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "processor"
PLACES = (ROOT / "tests" / "unit", ROOT / "tests" / "broker", ROOT / "tests" / "acceptance")
"""Where the tests of modules are: beside its own noun in the mirrored tree, or on a real broker."""

FLOORS = {
    "": 0,
    "background": 0,
    "clock": 0,
    "startup": 0,
    "stderr": 0,
    "errors": 0,
    "model": 1,
    "core": 2,
    "config": 3,
    "logs": 3,
    "formats": 3,
    "signals": 4,
    "telemetry": 4,
    "traffic": 5,
    "kafka": 5,
    "web": 5,
    "admin": 5,
    "status": 6,
    "framed": 6,
    "app": 7,
    "letters": 8,
    "workers": 8,
    "demo": 9,
    "cli": 10,
    "__main__": 11,
}
"""A room imports only from lower floors, and from itself; "" is the package, which holds the version."""

WINGS = ("request", "progress", "group", "pace")
"""Folders of core. They import neither each other nor what stands beside them."""

DOORS = {
    "confluent_kafka": {"kafka", "demo"},
    "ctypes": {"kafka", "core.topic_patterns"},
    "threading": {"kafka", "logs", "formats.protoc", "stderr"},
    "queue": {"kafka", "logs"},
    "aiohttp": {"web", "admin", "demo"},
    "httptools": {"web"},
    "yarl": {"web"},
    "ssl": {"web"},
    "socket": {"web", "admin", "workers"},
    "prometheus_client": {"telemetry", "workers.metrics"},
    "structlog": {"logs", "signals", "telemetry", "app", "workers", "cli"},
    "pydantic": {"config"},
    "pydantic_core": {"config"},
    "yaml": {"config.sources"},
    "msgspec": {"model", "core", "telemetry", "traffic", "web", "admin"},
    "minijinja": {"core.request.templates"},
    "opentelemetry": {"telemetry.tracing"},
    "requests": {"telemetry.tracing"},
    "random": {"app", "workers", "demo"},
    "typer": {"cli"},
    "rich": {"demo"},
    "uvloop": {"cli"},
    "google": {"core.record.protobuf", "formats.protos"},
    "grpc_tools": {"formats.protoc"},
    "cryptography": {"core.request.signing", "core.services.keys"},
}

UNDECIDED = {
    "asyncio",
    "time",
    "random",
    "logging",
    "structlog",
    "socket",
    "threading",
    "os",
    "pathlib",
    "secrets",
}
"""What a decision may not touch: core imports none of these."""

COVERED_BY = {
    "main": "commands",
    "verdict": "commands",
    "channel": "supervisor",
    "worker": "supervisor",
    "kafka": "loading",
    "operators": "loading",
    "sections": "loading",
    "secrets": "loading",
    "requests": "loading",
    "authorities": "ways",
    "references": "loading",
    "client_options": "loading",
    "static_headers": "loading",
    "types": "loading",
    "settings": "loading",
    "statuses": "loading",
    "problems": "loading",
    "signals": "supervisor",
    "usable": "loading",
    "choices": "schema",
    "errors": "loading",
    "model": "architecture",
    "clock": "pipeline",
    "assignment": "flow",
    "commits": "pipeline",
    "committer": "source_contract",
    "poll_thread": "source_contract",
    "source": "log_lines",
    "client": "log_lines",
    "quota": "log_lines",
    "backpressure": "pipeline",
    "dead_letters": "delivery",
    "pages": "server",
    "assembly": "pipeline",
    "attempt": "delivery",
    "attempt_headers": "delivery",
    "ed25519": "keys",
    "signature": "signing",
    "signing_faults": "signing",
    "content": "reading",
    "format": "decoder",
    "connect": "debezium",
    "headers": "transform",
    "record": "loading",
    "snapshot": "metrics",
    "status": "app",
    "exchange": "pool",
    "remedies": "inquiry",
    "words": "consumer",
    "failures": "check",
    "show": "demo",
    "screen": "demo",
    "topics": "demo",
    "endpoint": "demo",
    "consumer": "source_contract",
    "records": "source_contract",
    "producer": "dead_letters_contract",
    "protos": "decoding",
    "protobuf": "decoding",
    "scalars": "decoder",
    "descriptors": "decoding",
    "misfits": "loading",
    "identity": "door",
    "oauth": "door",
    "aws": "door",
    "granting": "door",
    "renewed": "door",
    "files": "door",
    "proofs": "door",
    "auth_faults": "auth",
    "rooms": "previewing",
    "socket_file": "ways",
    "spans": "traces",
    "service": "door",
    "stderr": "writer",
    "engine": "texts",
    "policy": "templated",
    "templates": "loading",
    "importing": "rudderstack",
    "mapping": "rudderstack",
    "closing": "reports",
    "writing": "reports",
    "stored": "sample",
    "positions": "letters",
    "open_letters": "letters",
    "listing": "letters",
    "selecting": "letters",
    "moving": "requeue",
    "purging": "requeue",
}
"""Modules that are tested under another noun."""

MAX_LINES = 320
MOST_MODULES = 10
MEDIAN_FUNCTION_LINES = 8
FORBIDDEN_ENDINGS = ("Manager", "Handler", "Helper", "Utils", "Util")

MODULES = sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    """`core.flow` for processor/core/flow.py; a package's own file by the name of its folder."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def room_of(name: str) -> str:
    """The key of FLOORS for a module."""
    return name.partition(".")[0]


def wing_of(name: str) -> str | None:
    """The wing of core that a module stands in."""
    parts = name.split(".")
    return parts[1] if parts[0] == "core" and len(parts) > 1 and parts[1] in WINGS else None


NAMES = frozenset(map(name_of, MODULES))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports_of(path: Path) -> frozenset[str]:
    """Absolute names of everything imported, submodules resolved where they are ours."""
    return frozenset(_imports(tree_of(path)))


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                is_module = inner.removeprefix("processor.") in NAMES
                yield inner if node.module.startswith("processor") and is_module else node.module


def ours(path: Path) -> set[str]:
    return {
        i.removeprefix("processor").removeprefix(".")
        for i in imports_of(path)
        if i.split(".")[0] == "processor"
    }


def functions_of(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its signature and docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_room_imports_only_from_lower_floors(path: Path) -> None:
    room = room_of(name_of(path))
    for imported in ours(path):
        lower = FLOORS[room_of(imported)] < FLOORS[room]
        assert lower or room_of(imported) == room, f"{name_of(path)} must not import {imported}"


@pytest.mark.parametrize("path", [path for path in MODULES if wing_of(name_of(path))], ids=name_of)
def test_a_wing_of_core_needs_nothing_else_of_core(path: Path) -> None:
    wing = wing_of(name_of(path))
    for imported in ours(path):
        assert room_of(imported) != "core" or wing_of(imported) == wing, f"{name_of(path)}: {imported}"


@pytest.mark.parametrize("path", sorted((PACKAGE / "core" / "record").rglob("*.py")), ids=name_of)
def test_what_a_record_says_knows_of_requests_only_how_json_and_headers_are_written(path: Path) -> None:
    known = {each for each in ours(path) if each.startswith("core.") and not each.startswith("core.record")}
    assert known <= {"core.request.events", "core.request.headers"}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_library_is_used_behind_its_door_only(path: Path) -> None:
    name = name_of(path)
    rooms = {name, name.rpartition(".")[0], room_of(name)}
    for library in {imported.partition(".")[0] for imported in imports_of(path)}:
        assert library not in DOORS or rooms & DOORS[library], f"{name} must not import {library}"


def test_traffic_tells_facts_and_knows_nobody_who_listens() -> None:
    known = {each for path in (PACKAGE / "traffic").rglob("*.py") for each in ours(path)}
    assert {each for each in known if room_of(each) in ("telemetry", "logs")} == {"telemetry.facts"}


@pytest.mark.parametrize("path", sorted((PACKAGE / "core").rglob("*.py")), ids=name_of)
def test_a_decision_reads_no_clock_rolls_no_dice_and_waits_for_nothing(path: Path) -> None:
    assert not UNDECIDED & {imported.partition(".")[0] for imported in imports_of(path)}
    assert not [f.name for f in functions_of(path) if isinstance(f, ast.AsyncFunctionDef)]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_says_what_it_is_for_and_is_not_long(path: Path) -> None:
    assert ast.get_docstring(tree_of(path))
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


@pytest.mark.parametrize("folder", sorted({path.parent for path in MODULES}), ids=lambda f: f.name)
def test_a_folder_has_few_modules_and_its_own_file_only_says_its_rule(folder: Path) -> None:
    modules = [path for path in MODULES if path.parent == folder and path.name != "__init__.py"]
    assert len(modules) <= MOST_MODULES
    statements = tree_of(folder / "__init__.py").body
    assert folder == PACKAGE or len(statements) == 1


@pytest.mark.parametrize("path", [p for p in MODULES if p.name != "__init__.py"], ids=name_of)
def test_a_module_has_its_test_module(path: Path) -> None:
    relative = path.relative_to(PACKAGE)
    noun = relative.stem.strip("_")
    nouns = (noun, COVERED_BY.get(noun, noun))
    assert any(
        list(place.rglob(f"test_{each}*.py"))
        for each in nouns
        for place in (PLACES[0] / relative.parent, *PLACES, ROOT / "tests")
    )


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_docstrings_say_more_than_names_and_nothing_has_an_empty_name(path: Path) -> None:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ClassDef):
            assert not node.name.endswith(FORBIDDEN_ENDINGS), node.name
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name
        if isinstance(node, ast.ClassDef):
            for method in node.body:
                said = (
                    ast.get_docstring(method)
                    if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef)
                    else None
                )
                assert said is None or len(said.split()) > 4, f"{node.name}: {said} Names can say that."


def test_functions_are_short() -> None:
    assert (
        median(body_lines(function) for path in MODULES for function in functions_of(path))
        <= MEDIAN_FUNCTION_LINES
    )


def test_an_import_from_a_higher_floor_would_be_seen(tmp_path: Path) -> None:
    planted = tmp_path / "planted.py"
    planted.write_text(
        "from processor.web import client\nfrom processor import app\nimport aiohttp.web\n", encoding="utf-8"
    )
    assert ours(planted) == {"web.client", "app"}
    assert "aiohttp.web" in set(imports_of(planted))
