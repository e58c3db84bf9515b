"""What the operator said: one YAML file and the environment, brought together and judged at once.

`WEBHOOK_PROCESSOR__SECTION__NAME` holds the value of `section.name`, and
`WEBHOOK_PROCESSOR__SECTION__NAME_FILE` the path of a file that holds it; white space around either is
no part of it. The URL, a password, and each header and option of the Kafka client may also be
`{from_env: NAME}` or `{from_file: PATH}`: what comes so is a secret, and so is a URL that does not
stand in the settings file. Secrets from elsewhere are taken as they are: only in the settings file may
`${X}` be a placeholder that somebody was to fill in.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, get_origin

from pydantic import BaseModel, SecretStr, ValidationError

from processor.config.destination.auth_faults import faults as faults_of_auth
from processor.config.destination.proxy import faults as faults_of_way
from processor.config.destination.proxy import follow_environment, seen
from processor.config.destination.signature import NULL_IS_OFF
from processor.config.destination.signing_faults import faults as faults_of_signing
from processor.config.kafka import letters_read_again
from processor.config.problems import fields, names, nearest, problem_of, variable
from processor.config.record import faults
from processor.config.services.registry import faults as faults_of_registry
from processor.config.services.reports import faults as faults_of_reports
from processor.config.services.tracing import faults as faults_of_tracing
from processor.config.settings import PREFIX, Settings
from processor.config.sources.documents import DocumentError, read
from processor.config.sources.references import UNRESOLVED, References, text_in, without_margins
from processor.config.usable import usable
from processor.config.values.misfits import contradictions, misfits
from processor.config.values.templates import misfits_of, problems_of
from processor.config.values.types import Section, items, mapping
from processor.core.credentials import is_secret_option
from processor.errors import ConfigError, Problem

__all__ = ["fields", "load", "merged", "read_yaml", "variable"]

FILE_SUFFIX = "_FILE"
URL, HEADERS, SIGNING = "destination.url", "destination.headers", "destination.signature.secrets"

Raw = dict[str, Any]


def load(file: Path | None, environ: Mapping[str, str], *judges: Callable[[Settings], object]) -> Settings:
    """The settings. Raises ConfigError with everything that is wrong with them.

    `judges` raise it too: the libraries that are to take the settings. Of settings that are wrong in
    part they judge the rest.
    """
    problems: list[Problem] = []
    references = References(environ, problems)
    said = _said(file, environ, references, problems)
    found, wrong = None, list[str]()
    try:
        found = Settings(**said)
    except ValidationError as error:
        # What could not be had is a problem already.
        details = error.errors(include_url=False)
        wrong = [".".join(map(str, each["loc"])) for each in details]
        unresolved = (UNRESOLVED, SecretStr(UNRESOLVED))
        problems += [problem_of(each) for each in details if each["input"] not in unresolved]
    except TypeError:
        problems.append(Problem(str(file), "section names must be text"))
    wrong += [problem.path for problem in problems]
    settings, more = usable(said, wrong) if problems else (found, [])
    problems += map(problem_of, more)
    if settings is None:
        raise ConfigError(list(dict.fromkeys(problems)))
    settings.came_from(_files(references), seen(environ))
    problems += [
        Problem("settings", misfit)
        for misfit in _misfits(settings)
        if not any(path in misfit for path in wrong)
    ]
    problems += problems_of(settings.request_policy(), settings.filter_policy(), settings.record_policy())
    for judge in judges:
        try:
            judge(settings)
        except ConfigError as error:
            problems += [Problem(*map(settings.secrets.strike, problem)) for problem in error.problems]
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))
    return settings


def _files(references: References) -> dict[str, Path]:
    """Where settings stand that were read from a file each, by their names."""
    found = {}
    for name, _ in fields():
        for place in (name, variable(name) + FILE_SUFFIX):
            if place in references.files:
                found[name] = references.files[place]
    others = (f"{HEADERS}.", SIGNING)
    return found | {place: file for place, file in references.files.items() if place.startswith(others)}


def read_yaml(file: Path) -> Raw:
    """The mapping in `file`; an empty file is an empty mapping."""
    try:
        content = read(text_in(file), {part for name in names() for part in name.split(".")})
    except OSError as error:
        raise ConfigError([Problem(str(file), error.strerror or "cannot be read")]) from None
    except UnicodeDecodeError:
        raise ConfigError([Problem(str(file), "is not UTF-8 text")]) from None
    except DocumentError as error:
        raise ConfigError(
            [Problem(f"{file}:{line}" if line else str(file), message) for line, message in error.faults]
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


def _said(
    file: Path | None, environ: Mapping[str, str], references: References, problems: list[Problem]
) -> Raw:
    """All that was said, the environment over the file."""
    variables, mounted = _variables(environ, references, problems)
    try:
        below = read_yaml(file) if file else {}
    except ConfigError as error:
        raise ConfigError([*error.problems, *problems]) from None
    said = _without_empty(merged(below, _by_section(variables)), Settings)
    _take_as_they_are(said, variables)
    _resolve(said, references)
    destination = said.get("destination")
    if isinstance(destination, dict):
        _mark_secrets(destination, variables, mounted)
        _resolve_headers(destination, references)
        _resolve_signature(destination.get("signature"), variable(SIGNING) in variables, references)
        problems += follow_environment(destination, environ)
    for section in ("kafka", "dead_letter"):
        _resolve_options(said.get(section), f"{section}.client", references)
    return said


def _by_section(variables: Mapping[str, str]) -> Raw:
    """What variables say, in the form of the file."""
    said: Raw = {}
    for name, _ in fields():
        if (text := variables.get(variable(name))) is not None:
            *sections, leaf = name.split(".")
            place = said
            for each in sections:
                place = place.setdefault(each, {})
            place[leaf] = text
    return said


def _take_as_they_are(said: Raw, variables: Mapping[str, str]) -> None:
    """Secrets that variables hold, and not the settings file, are none that anybody has to fill in."""
    for name, field in fields():
        if variable(name) not in variables:
            continue
        place, leaf = _place(said, name)
        if field.annotation == SecretStr | None:
            place[leaf] = SecretStr(place[leaf])
        elif name == HEADERS or leaf == "client":
            held = _mapping(place[leaf])
            place[leaf] = (
                place[leaf]
                if held is None
                else {
                    key: SecretStr(text)
                    if isinstance(text, str) and (name == HEADERS or is_secret_option(key))
                    else text
                    for key, text in held.items()
                }
            )


def _resolve(said: Raw, references: References) -> None:
    """Put in what stands elsewhere, for settings that hold one text."""
    for name, field in fields():
        place, leaf = _place(said, name)
        if not isinstance(place.get(leaf), dict):
            continue
        if name == URL:
            place.setdefault("url_is_secret", "true")
            place[leaf] = references.resolve(place[leaf], name)
        elif field.annotation == SecretStr | None:
            place[leaf] = SecretStr(references.resolve(place[leaf], name))


def _place(said: Raw, name: str) -> tuple[Raw, str]:
    """The section that holds a dotted setting, and its name there; an empty one, where there is none."""
    *sections, leaf = name.split(".")
    place: Any = said
    for each in sections:
        place = place.get(each) if isinstance(place, dict) else None
    return place if isinstance(place, dict) else {}, leaf


def _mark_secrets(destination: Raw, variables: Mapping[str, str], mounted: set[str]) -> None:
    """What does not stand in the settings file is a secret: a URL, and headers that a file holds."""
    if variable(URL) in variables:
        destination.setdefault("url_is_secret", "true")
    if variable(HEADERS) in mounted:
        _mark_headers(destination, _mapping(destination["headers"]) or ())


def _resolve_headers(destination: Raw, references: References) -> None:
    headers = _mapping(destination.get("headers"))
    if headers is None:
        return
    elsewhere = [name for name, value in headers.items() if isinstance(value, dict)]
    resolved = {name: SecretStr(references.resolve(headers[name], f"{HEADERS}.{name}")) for name in elsewhere}
    destination["headers"] = headers | resolved
    _mark_headers(destination, elsewhere)


def _resolve_signature(signature: Any, is_elsewhere: bool, references: References) -> None:
    """Its secrets, of which each may stand elsewhere; what a variable holds is taken as it is."""
    said = signature.get("secrets") if isinstance(signature, dict) else None
    listed = [said] if isinstance(said, dict) else items(said)
    if not isinstance(listed, list):
        return
    signature["secrets"] = [
        SecretStr(references.resolve(each, f"{SIGNING}.{number}"))
        if isinstance(each, dict)
        else SecretStr(each)
        if is_elsewhere and isinstance(each, str)
        else each
        for number, each in enumerate(listed)
    ]


def _mark_headers(destination: Raw, names: Iterable[str]) -> None:
    said = items(destination.get("secret_headers") or [])
    if isinstance(said, list):
        destination["secret_headers"] = [*said, *names]


def _resolve_options(section: Any, path: str, references: References) -> None:
    options = _mapping(section.get("client")) if isinstance(section, dict) else None
    if options is not None:
        section["client"] = {
            name: SecretStr(references.resolve(value, f"{path}.{name}")) if isinstance(value, dict) else value
            for name, value in options.items()
        }


def _mapping(said: Any) -> Raw | None:
    """A mapping, also one written as one text; None for what is none: it is left to be judged."""
    try:
        found = mapping(said)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _without_empty(said: Raw, section: type[BaseModel]) -> Raw:
    """A section, list or mapping whose lines are all commented out reads as null, and means nothing."""
    kept = {}
    for name, value in said.items():
        field = section.model_fields.get(name)  # by an alias it is a word, which is kept
        kind = field and field.annotation
        if field is not None and isinstance(kind, type) and issubclass(kind, Section):
            if isinstance(value, dict):
                kept[name] = _without_empty(value, kind)
            elif value is not None or NULL_IS_OFF in field.metadata:
                kept[name] = value
        elif value is not None or get_origin(kind) not in (list, dict, frozenset):
            kept[name] = value
    return kept


def _misfits(settings: Settings) -> list[str]:
    """What is wrong with sections together."""
    kafka = settings.kafka
    return [
        *misfits(settings.delivery, kafka),
        *letters_read_again(kafka, settings.dead_letter),
        *faults_of_reports(settings.reports, kafka, settings.dead_letter.topic),
        *contradictions(settings.retry),
        *faults(settings.record, settings.cloudevents, settings.destination, settings.filter),
        *misfits_of(settings.destination),
        *faults_of_signing(settings.destination, settings.files),
        *faults_of_way(settings.destination),
        *faults_of_auth(
            settings.destination.auth, settings.destination.headers, settings.destination.forward_headers
        ),
        *faults_of_tracing(settings.tracing, settings.destination.headers),
        *faults_of_registry(settings.schema_registry, is_used=settings.uses_registry),
    ]


def _variables(
    environ: Mapping[str, str], references: References, problems: list[Problem]
) -> tuple[dict[str, str], set[str]]:
    """The variables that name settings, and which of them hold what stands in a file."""
    known = {variable(name) for name, _ in fields()}
    found, mounted = dict[str, str](), dict[str, str]()
    for key, value in environ.items():
        name = key.upper()
        if not name.startswith(PREFIX):
            continue
        if name in known:
            found[name] = without_margins(value)
        elif name.endswith(FILE_SUFFIX) and name.removesuffix(FILE_SUFFIX) in known:
            mounted[name.removesuffix(FILE_SUFFIX)] = references.content(value, key)
        else:
            problems.append(Problem(key, "is no setting", nearest(name, known)))
    problems += [
        Problem(name, f"is set, and so is {name}{FILE_SUFFIX}", "leave one of them out")
        for name in found
        if name in mounted
    ]
    return found | mounted, set(mounted)
