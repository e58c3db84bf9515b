"""RudderStack's destinations of the types webhook and HTTP as settings of ours, and what is left out.

Promise: what is not understood is told, never guessed; and no secret stands in what is written: it refers
to a variable that the operator fills.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from processor.cli.imports.mapping import (
    MappingError,
    constant,
    expression,
    flat,
    folded,
    name_of,
    place,
    quoted,
    segment,
    unquoted,
)
from processor.core import credentials

Json = Any
_SETTING = re.compile(r"\{\{\s*(?:event\.)?([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\s*\|\|\s*(.*?)\s*\}\}")
_METHODS = ("POST", "PUT", "PATCH", "GET", "DELETE")
URL, AUTHORIZATION = "WEBHOOK_URL", "WEBHOOK_AUTHORIZATION"


class Imported(NamedTuple):
    """Settings, and sentences about what is left to the reader."""

    settings: dict[str, Any]
    left: list[str]


def imported(said: Json) -> Imported:
    """What a destination of RudderStack is here. Raises ValueError if it is none of a known type."""
    config, kind = _config(said), _kind(said)
    left: list[str] = []
    if kind == "webhook" or (kind == "" and "webhookUrl" in config):
        destination = _webhook(config, left)
    elif kind in ("http", "") and "apiUrl" in config:
        destination = _http(config, left)
    else:
        raise ValueError("is no destination of the type webhook or HTTP: no webhookUrl, no apiUrl")
    settings: dict[str, Any] = {"destination": destination}
    if rules := _filters(config, left):
        settings["filter"] = rules
    return Imported(settings, left)


def _config(said: Json) -> dict[str, Any]:
    """The settings inside: of the API's JSON, of a Rudder CLI file, or alone."""
    for name in ("destination", "spec", "config", "Config"):
        if isinstance(said, dict) and isinstance(said.get(name), dict):
            said = said[name]
    return said if isinstance(said, dict) else {}


def _kind(said: Json) -> str:
    found = ""
    while isinstance(said, dict):
        definition = said.get("destinationDefinition") or said.get("definition") or {}
        name = said.get("type") or (definition.get("name") if isinstance(definition, dict) else definition)
        found = str(name or found)
        said = said.get("destination") or said.get("spec")
    return re.sub("[^a-z]", "", found.lower())


def _webhook(config: dict[str, Any], left: list[str]) -> dict[str, Any]:
    destination = _endpoint(config, "webhookUrl", "webhookMethod", left)
    headers: dict[str, Any] = {}
    for pair in _pairs(config, "headers"):
        name, value = str(pair.get("from") or ""), str(pair.get("to") or "")
        if found := _SETTING.fullmatch(value):
            headers[name] = f"{{{{ event | at({quoted(found[1])}, {quoted(unquoted(found[2]))}) }}}}"
            left.append(
                f"destination.headers.{name}: RudderStack takes the member out of the body, here it stays"
            )
        elif _is_secret(name):
            headers[name] = _secret(name, left)
        else:
            headers[name] = constant(value)
    return destination | ({"headers": headers} if headers else {})


def _http(config: dict[str, Any], left: list[str]) -> dict[str, Any]:
    destination = _endpoint(config, "apiUrl", "method", left) | {"envelope": "none"}
    has_body = destination["method"] not in ("GET", "DELETE")
    headers = _authorization(config, left) | _named(config, "headers", "headers", left)
    query = _named(config, "queryParams", "query", left)
    if headers:
        destination["headers"] = headers
    if query or not has_body:
        destination["query"] = query
    if segments := _pairs(config, "pathParams"):
        try:
            destination["path"] = "/".join(segment(str(each.get("path") or "")) for each in segments)
        except MappingError as error:
            left.append(f"destination.path: {error}")
    if _is_true(config.get("isBatchingEnabled")):
        left.append("isBatchingEnabled: a request is sent for each event")
    if not has_body and config.get("propertiesMapping"):
        left.append(f"propertiesMapping: {destination['method']} has no body")
    return destination | (_body(config, left) if has_body else {})


def _named(config: dict[str, Any], kind: str, noun: str, left: list[str]) -> dict[str, Any]:
    """Headers or parameters by their names."""
    found = {}
    for pair in _pairs(config, kind):
        name = name_of(str(pair.get("to") or ""))
        try:
            found[name] = flat(str(pair.get("from") or ""))
        except MappingError as error:
            left.append(f"destination.{noun}.{name}: {error}")
    return found


def _endpoint(config: dict[str, Any], url: str, method: str, left: list[str]) -> dict[str, Any]:
    address, verb = str(config.get(url) or ""), str(config.get(method) or "POST").upper()
    if not address:
        left.append(f"{url} is empty: set destination.url")
    if verb not in _METHODS:
        left.append(f"{method}: {verb} is not offered, POST stands in its place")
        verb = "POST"
    if "{{" in address:
        left.append(f"{url}: templates go into destination.path and destination.query")
        address = address.partition("{{")[0]
    if "pathParams" in config:
        address = re.sub(r"(?<!:)/{2,}", "/", address)
    if address and credentials.is_secret_url(address):
        left.append(f"{url}: it is a secret, put it into {URL}")
        return {"url": {"from_env": URL}, "method": verb}
    return {"url": address, "method": verb}


def _authorization(config: dict[str, Any], left: list[str]) -> dict[str, Any]:
    kind = str(config.get("auth") or "noAuth")
    if kind == "basicAuth":
        left.append(f"username, password: put `Basic ` and the Base64 of user:password into {AUTHORIZATION}")
        return {"Authorization": {"from_env": AUTHORIZATION}}
    if kind == "bearerTokenAuth":
        left.append(f"bearerToken: put `Bearer ` and the token into {AUTHORIZATION}")
        return {"Authorization": {"from_env": AUTHORIZATION}}
    if kind == "apiKeyAuth" and config.get("apiKeyName"):
        left.append(f"apiKeyValue: put it into {AUTHORIZATION}")
        return {str(config["apiKeyName"]): {"from_env": AUTHORIZATION}}
    if kind != "noAuth":
        left.append(f"auth: {kind} is not offered, or is not complete")
    return {}


def _body(config: dict[str, Any], left: list[str]) -> dict[str, Any]:
    kind = str(config.get("format") or "JSON").upper()
    if kind not in ("JSON", "FORM", "XML"):
        left.append(f"format: {kind} is not offered, JSON stands in its place")
    shape: Any = {}
    if _is_true(config.get("isDefaultMapping")):
        shape = "{{ event | without_nulls }}"
    else:
        for pair in _pairs(config, "propertiesMapping"):
            to = str(pair.get("to") or "")
            try:
                place(shape, to, str(pair.get("from") or ""))
            except MappingError as error:
                left.append(f"destination.body, {to}: {error}")
        if set(shape) == {""}:
            shape = shape[""]
        elif "" in shape:
            left.append("body: the whole event and members beside it are not offered together")
            del shape[""]
        shape = folded(shape)
    if kind == "XML":
        root = str(config.get("xmlRootKey") or "root")
        inner = expression(shape)
        return {
            "content_type": "application/xml",
            "body_template": f"{{{{ {inner} | xml({quoted(root)}) }}}}" if shape else "",
        }
    return {"body": shape} | ({"encoding": "form"} if kind == "FORM" else {})


def _filters(config: dict[str, Any], left: list[str]) -> dict[str, Any]:
    rules: dict[str, Any] = {}
    option = config.get("eventFilteringOption")
    for kind, name in (("whitelistedEvents", "allow"), ("blacklistedEvents", "deny")):
        names = [str(each.get("eventName") or "") for each in _pairs(config, kind)]
        if option == kind and any(names):
            rules["events"] = {name: [each for each in names if each]}
    if consent := _consent(config):
        rules["consent"] = consent
    if rules:
        left.append(
            "filter: RudderStack's SDKs and server apply it; here it holds for every event of the topic"
        )
    return rules


def _consent(config: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for entry in _pairs(config, "consentManagement"):
        ids = [str(each.get("consent")) for each in entry.get("consents") or () if each.get("consent")]
        if ids:
            strategy = {"strategy": "or"} if entry.get("resolutionStrategy") == "or" else {}
            found.setdefault("providers", {})[str(entry.get("provider"))] = {"ids": ids, **strategy}
    for kind, member, name in (
        ("oneTrustCookieCategories", "oneTrustCookieCategory", "one_trust_categories"),
        ("ketchConsentPurposes", "purpose", "ketch_purposes"),
    ):
        if ids := [str(each.get(member)) for each in _pairs(config, kind) if each.get(member)]:
            found[name] = ids
    return found


def _pairs(config: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """A list of objects, which may stand by kind of source."""
    said = config.get(name)
    if isinstance(said, dict):
        said = [each for one in said.values() if isinstance(one, list) for each in one]
    return [each for each in said if isinstance(each, dict)] if isinstance(said, list) else []


def _is_secret(name: str) -> bool:
    return re.search("auth|token|secret|key|password|cookie", name, re.IGNORECASE) is not None


def _secret(name: str, left: list[str]) -> dict[str, str]:
    variable = "WEBHOOK_" + re.sub("[^A-Z0-9]", "_", name.upper())
    left.append(f"destination.headers.{name}: put its value into {variable}")
    return {"from_env": variable}


def _is_true(said: Any) -> bool:
    return said in (True, "true")
