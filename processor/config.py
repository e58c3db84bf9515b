"""What the operator said: one YAML file and the environment, brought together and judged at once.

`WEBHOOK_PROCESSOR__SECTION__NAME` holds the value of `section.name`, and
`WEBHOOK_PROCESSOR__SECTION__NAME_FILE` the path of a file that holds it. A header's value may also
be `{from_env: NAME}` or `{from_file: PATH}`, so that the YAML file itself holds no secret.
"""

import errno
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource

from processor.errors import ConfigError, Problem
from processor.kafka_settings import DeadLetterSettings, KafkaSettings, letters_read_again
from processor.sections import DeliverySettings
from processor.setting_types import Section, mapping
from processor.settings import PREFIX, Settings, misfits

FILE_SUFFIX = "_FILE"
LARGEST_FILE = 1024 * 1024
"""Bytes of a file with settings, or with one of them."""

Raw = dict[str, Any]


class _Environment(EnvSettingsSource):
    """Pydantic's reading of nested names, over variables that are handed in."""

    def __init__(self, settings: type[BaseSettings], variables: Mapping[str, str]) -> None:
        super().__init__(settings)
        self.env_vars = {name.lower(): value for name, value in variables.items()}


def load(file: Path | None, environ: Mapping[str, str]) -> Settings:
    """The settings. Raises ConfigError with everything that is wrong with them."""
    problems: list[Problem] = []
    said = _said(file, environ, problems)
    settings = None
    try:
        settings = Settings(**said)
    except ValidationError as error:
        problems += [_problem(details) for details in error.errors(include_url=False, include_input=False)]
    except TypeError:
        problems.append(Problem(str(file), "section names must be text"))
    problems += [Problem("settings", misfit) for misfit in _misfits(said)]
    if problems or settings is None:
        raise ConfigError(problems)
    return settings


def fields(section: type[BaseModel] = Settings, prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every setting by its dotted name, sections left out, in the order of the reference."""
    for name, field in section.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            yield from fields(kind, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


def variable(name: str) -> str:
    """The environment variable of a dotted setting."""
    return PREFIX + name.replace(".", "__").upper()


def read_yaml(file: Path) -> Raw:
    """The mapping in `file`; an empty file is an empty mapping."""
    try:
        content = yaml.safe_load(_text_in(file))
    except OSError as error:
        raise ConfigError([Problem(str(file), error.strerror or "cannot be read")]) from None
    except UnicodeDecodeError:
        raise ConfigError([Problem(str(file), "is not UTF-8 text")]) from None
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError([Problem(f"{file}{line}", f"is not YAML: {error.problem}")]) from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise ConfigError(
            [Problem(str(file), "is not YAML: it holds something that cannot be read")]
        ) from None
    if content is not None and not isinstance(content, dict):
        raise ConfigError([Problem(str(file), "must be a mapping of sections", "start with `kafka:`")])
    return content or {}


def merged(below: Raw, above: Raw) -> Raw:
    """Both mappings in one, section by section; `above` wins."""
    both = dict(below)
    for name, value in above.items():
        old = both.get(name)
        both[name] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return both


def nearest(name: str, names: Iterable[str]) -> str:
    """A remedy that names the setting meant: one beside it, one of this name elsewhere, or a near one."""
    candidates = list(names)
    parent, _, leaf = name.rpartition(".")
    beside = {each.rpartition(".")[2]: each for each in candidates if each.rpartition(".")[0] == parent}
    match = [beside[near] for near in get_close_matches(leaf, beside, n=1)]
    match = match or [each for each in candidates if each.rpartition(".")[2] == leaf]
    match = match or get_close_matches(name, candidates, n=1)
    return f"did you mean {match[0]}?" if match else ""


def _said(file: Path | None, environ: Mapping[str, str], problems: list[Problem]) -> Raw:
    """All that was said, the environment over the file."""
    variables = _variables({variable(name) for name, _ in fields()}, environ, problems)
    try:
        below = read_yaml(file) if file else {}
    except ConfigError as error:
        raise ConfigError([*error.problems, *problems]) from None
    said = _without_empty_sections(merged(below, _Environment(Settings, variables)()), Settings)
    destination = said.get("destination")
    if isinstance(destination, dict) and "headers" in destination:
        destination["headers"] = _resolved(destination["headers"], environ, problems)
    return said


def _without_empty_sections(said: Raw, section: type[BaseModel]) -> Raw:
    """A section whose lines are all commented out reads as null, and means nothing."""
    kept = {}
    for name, value in said.items():
        field = section.model_fields.get(name)
        kind = field and field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            if isinstance(value, dict):
                kept[name] = _without_empty_sections(value, kind)
            elif value is not None:
                kept[name] = value
        else:
            kept[name] = value
    return kept


def _misfits(said: Raw) -> list[str]:
    return [
        *_judged(
            lambda: misfits(DeliverySettings(**said.get("delivery", {})), KafkaSettings(**said["kafka"]))
        ),
        *_judged(
            lambda: letters_read_again(
                KafkaSettings(**said["kafka"]), DeadLetterSettings(**said["dead_letter"])
            )
        ),
    ]


def _judged(judge: Callable[[], list[str]]) -> list[str]:
    """What is wrong with sections together; nothing, where one of them is wrong by itself."""
    try:
        return judge()
    except (ValidationError, TypeError, KeyError):
        return []


def _problem(details: ErrorDetails) -> Problem:
    path = ".".join(map(str, details["loc"])) or "settings"
    if details["type"] == "extra_forbidden":
        return Problem(path, "is no setting", nearest(path, _names()))
    if details["type"] == "missing":
        needed = [
            name for name, field in fields() if f"{name}.".startswith(f"{path}.") and field.is_required()
        ]
        return Problem(
            path, "is missing", "set " + ", ".join(f"{name} or {variable(name)}" for name in needed)
        )
    return Problem(path, details["msg"].removeprefix("Value error, "))


def _names() -> list[str]:
    """The dotted names of all settings and of their sections."""
    names = [name for name, _ in fields()]
    return names + sorted({name.rpartition(".")[0] for name in names} - {""})


def _variables(known: set[str], environ: Mapping[str, str], problems: list[Problem]) -> dict[str, str]:
    """The variables that name settings, those of `_FILE` with the content of their files."""
    found = {}
    for key, value in environ.items():
        name = key.upper()
        if not name.startswith(PREFIX):
            continue
        if name in known:
            found[name] = value
        elif name.endswith(FILE_SUFFIX) and name.removesuffix(FILE_SUFFIX) in known:
            content = _file_content(value, key, problems)
            found[name.removesuffix(FILE_SUFFIX)] = content
        else:
            problems.append(Problem(key, "is no setting", nearest(name, known)))
    return found


def _resolved(headers: Any, environ: Mapping[str, str], problems: list[Problem]) -> Any:
    """The headers with references replaced; what is no mapping is left to be judged."""
    try:
        said = mapping(headers)
    except ValueError:
        return headers
    if not isinstance(said, dict):
        return headers
    return {
        name: _reference(value, f"destination.headers.{name}", environ, problems)
        if isinstance(value, dict)
        else value
        for name, value in said.items()
    }


def _reference(value: Raw, path: str, environ: Mapping[str, str], problems: list[Problem]) -> str:
    match value:
        case {"from_env": str(name), **rest} if not rest:
            if name not in environ:
                problems.append(Problem(path, f"the environment variable {name} is not set"))
            return environ.get(name, "")
        case {"from_file": str(file), **rest} if not rest:
            return _file_content(file, path, problems)
    problems.append(Problem(path, "must be text, {from_env: NAME} or {from_file: PATH}"))
    return ""


def _file_content(file: str, path: str, problems: list[Problem]) -> str:
    try:
        return _text_in(Path(file)).strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        problems.append(Problem(path, f"the file {file} cannot be read: {reason}"))
        return ""


def _text_in(file: Path) -> str:
    """What a file holds; a device or a pipe, which may never end or begin, and what is huge are refused."""
    if not stat.S_ISREG(mode := file.stat().st_mode) and not stat.S_ISDIR(mode):
        raise OSError(errno.EINVAL, "it is no regular file")
    with file.open("rb") as opened:
        content = opened.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise OSError(errno.EFBIG, f"it holds more than {LARGEST_FILE} bytes")
    return content.decode()
