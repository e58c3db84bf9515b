"""Floors, doors and house rules: what of the world a line may touch, read from the syntax trees."""

import ast
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "processor"

FLOORS = {
    "": 0,
    "clock": 0,
    "background": 0,
    "startup": 0,
    "errors": 0,
    "model": 0,
    "core": 1,
    "topic_patterns": 1,
    "documents": 2,
    "references": 2,
    "client_options": 2,
    "static_headers": 2,
    "setting_types": 2,
    "choices": 2,
    "statuses": 2,
    "kafka_settings": 2,
    "sections": 2,
    "settings": 2,
    "schema": 2,
    "problems": 2,
    "usable": 2,
    "config": 2,
    "logs": 2,
    "log_lines": 2,
    "log_writer": 2,
    "snapshot": 2,
    "tallies": 2,
    "source_log": 2,
    "client_log": 2,
    "quota": 2,
    "telemetry": 2,
    "expositions": 2,
    "line": 2,
    "pipeline": 3,
    "deliverer": 3,
    "commits": 3,
    "intake": 3,
    "group": 3,
    "letters": 3,
    "run": 3,
    "reading": 3,
    "live": 3,
    "delivery": 3,
    "withheld": 3,
    "kafka": 3,
    "web": 3,
    "signals": 3,
    "app": 4,
    "status": 4,
    "worker": 5,
    "supervisor": 5,
    "demo": 5,
    "demo_endpoint": 5,
    "demo_screen": 5,
    "demo_topics": 5,
    "cli": 6,
    "__main__": 7,
}
"""A room imports only from lower floors; "" is the package itself, which holds the version."""

ALONGSIDE = {
    "app": {"status"},
    "model": {"errors"},
    "setting_types": {"documents"},
    "statuses": {"setting_types"},
    "kafka_settings": {"client_options", "setting_types", "statuses"},
    "static_headers": {"references", "setting_types"},
    "sections": {"choices", "setting_types", "static_headers", "statuses"},
    "settings": {"kafka_settings", "sections"},
    "schema": {"settings"},
    "usable": {"client_options", "references", "setting_types", "kafka_settings", "settings"},
    "problems": {"setting_types", "settings"},
    "config": {
        "documents",
        "references",
        "setting_types",
        "kafka_settings",
        "problems",
        "settings",
        "usable",
    },
    "logs": {"log_lines", "log_writer"},
    "log_lines": {"log_writer"},
    "telemetry": {"logs", "client_log", "quota", "snapshot", "source_log", "tallies"},
    "expositions": {"logs", "snapshot", "tallies"},
    "supervisor": {"worker"},
    "pipeline": {"commits", "deliverer", "intake"},
    "run": {"letters", "live"},
    "delivery": {"letters", "live", "run", "withheld"},
    "withheld": {"run"},
    "core.admission": {"core.budget", "core.circuit", "core.concurrency", "core.rate"},
    "core.assignment": {"core.lanes", "core.offset_codec", "core.offsets"},
    "core.dead_letter": {"core.redaction"},
    "core.disclosure": {"core.events", "core.nesting", "core.redaction"},
    "core.events": {"core.nesting"},
    "core.redaction": {"core.spelling"},
    "core.flow": {"core.assignment", "core.lanes", "core.metadata_room", "core.offset_codec"},
    "core.kinds": {"core.dead_letter"},
    "core.offsets": {"core.offset_codec"},
    "core.filters": {"core.events"},
    "core.preparation": {"core.looks", "core.endpoint", "core.events", "core.filters", "core.transform"},
    "core.transform": {"core.endpoint", "core.events", "core.query"},
    "core.query": {"core.endpoint", "core.events"},
    "demo": {"demo_endpoint", "demo_screen", "demo_topics"},
    "demo_topics": {"demo_endpoint"},
    "demo_screen": {"demo_endpoint"},
}
"""The imports within a floor that are meant; kafka and web may also import within their own folder."""

DOORS = {
    "confluent_kafka": {"kafka", "demo", "demo_topics"},
    "ctypes": {"kafka", "topic_patterns"},
    "threading": {"kafka", "logs", "log_writer"},
    "queue": {"kafka", "log_writer"},
    "aiohttp": {"web", "demo", "demo_endpoint"},
    "httptools": {"web"},
    "yarl": {"web"},
    "ssl": {"web"},
    "socket": {"web", "line"},
    "prometheus_client": {"snapshot", "tallies", "telemetry", "expositions"},
    "structlog": {
        "logs",
        "log_lines",
        "client_log",
        "source_log",
        "telemetry",
        "reading",
        "app",
        "signals",
        "worker",
        "supervisor",
        "cli",
    },
    "pydantic": {
        "choices",
        "statuses",
        "setting_types",
        "static_headers",
        "kafka_settings",
        "sections",
        "settings",
        "problems",
        "usable",
        "config",
    },
    "pydantic_settings": {"settings", "config"},
    "yaml": {"documents"},
    "msgspec": {"core", "model", "run", "web"},
    "random": {"app", "supervisor", "demo", "demo_endpoint"},
    "typer": {"cli"},
    "rich": {"demo", "demo_screen"},
    "uvloop": {"cli"},
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
    "main": "cli",
    "signals": "supervisor",
    "line": "supervisor",
    "worker": "supervisor",
    "kafka_settings": "config",
    "sections": "config",
    "choices": "config",
    "statuses": "config",
    "problems": "config",
    "references": "config",
    "client_options": "config",
    "static_headers": "config",
    "setting_types": "config",
    "settings": "config",
    "usable": "config",
    "errors": "config",
    "model": "architecture",
    "clock": "pipeline",
    "assignment": "flow",
    "commits": "pipeline",
    "committer": "source_contract",
    "deliverer": "pipeline",
    "source_log": "telemetry",
    "client_log": "telemetry",
    "quota": "telemetry",
    "intake": "pipeline",
    "letters": "delivery",
    "pages": "admin",
    "admin_connections": "admin_limits",
    "run": "delivery",
    "snapshot": "telemetry",
    "status": "app",
    "exchange": "pool",
    "remedies": "inquiry",
    "refusals": "options",
    "words": "consumer",
    "rights": "probe",
    "failures": "probe",
    "consumer": "source_contract",
    "records": "source_contract",
    "producer": "dead_letters_contract",
}
"""Modules that are tested under another noun."""

MAX_LINES = 320
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


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports_of(path: Path) -> Iterator[str]:
    """Absolute names of everything imported, submodules resolved where they are ours."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                is_module = any(name_of(module) == inner.removeprefix("processor.") for module in MODULES)
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
    name = name_of(path)
    floor = FLOORS[room_of(name)]
    for imported in ours(path):
        same_folder = room_of(name) == room_of(imported) in ("kafka", "web")
        meant = imported in ALONGSIDE.get(name, set()) or same_folder
        assert FLOORS[room_of(imported)] < floor or meant, f"{name} must not import {imported}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_library_is_used_behind_its_door_only(path: Path) -> None:
    room = room_of(name_of(path))
    for library in {imported.partition(".")[0] for imported in imports_of(path)}:
        assert library not in DOORS or room in DOORS[library], f"{name_of(path)} must not import {library}"


@pytest.mark.parametrize("path", sorted((PACKAGE / "core").glob("*.py")), ids=name_of)
def test_a_decision_reads_no_clock_rolls_no_dice_and_waits_for_nothing(path: Path) -> None:
    assert not UNDECIDED & {imported.partition(".")[0] for imported in imports_of(path)}
    assert not [f.name for f in functions_of(path) if isinstance(f, ast.AsyncFunctionDef)]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_says_what_it_is_for_and_is_not_long(path: Path) -> None:
    assert ast.get_docstring(tree_of(path))
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


@pytest.mark.parametrize("path", [p for p in MODULES if p.name != "__init__.py"], ids=name_of)
def test_a_module_has_its_test_module(path: Path) -> None:
    relative = path.relative_to(PACKAGE)
    tests = ROOT / "tests" / relative.parent
    noun = relative.stem.partition("_")[0] if relative.stem.startswith("demo") else relative.stem.strip("_")
    noun = COVERED_BY.get(noun, noun)
    assert list(tests.glob(f"test_{noun}*.py"))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_public_things_have_docstrings_and_nothing_has_an_empty_name(path: Path) -> None:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ClassDef):
            assert not node.name.endswith(FORBIDDEN_ENDINGS), node.name
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name
            for method in node.body:
                if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) and not method.name.startswith(
                    "_"
                ):
                    assert ast.get_docstring(method), f"{node.name}.{method.name}"


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
