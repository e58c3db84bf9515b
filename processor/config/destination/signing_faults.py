"""What is wrong with ids and signatures: with what was said of each, and with all headers together.

Promise: a signature that would cover nothing of an event, or that nobody could verify, is refused before one
is made, and each refusal names the way out.
"""

from collections.abc import Container, Iterator

from processor.config.destination.auth import header_names
from processor.config.destination.endpoint import DestinationSettings
from processor.config.destination.secrets import signing_texts
from processor.config.destination.signing import attempt_policy, components, has_ids, made_headers
from processor.core.request.headers import TOKEN, as_read
from processor.core.request.signing import keys
from processor.core.request.signing.bodies import HEADERS
from processor.core.request.signing.message_signatures import DERIVED, DIGEST, LENGTH

_PLACE = "destination.signature"
_TARGETS = ("@target-uri", "@request-target", "@query")
"""Components that hold an event which travels in the query."""
_KEYS_STAND_IN = (*_TARGETS, "@query-param")
"""Components that hold a key which is put into the query when a request leaves."""
_OWN = ("user-agent", "host")
_OF_REQUESTS = ("user-agent", "content-type", "traceparent", "tracestate")
"""Headers that requests have for something else."""
_OF_MESSAGES = (
    "components",
    "key_id",
    "algorithm",
    "algorithm_parameter",
    "content_digest",
    "label",
    "expires_after",
    "nonce",
    "tag",
)


def faults(destination: DestinationSettings, in_files: Container[str] = ()) -> list[str]:
    """What keeps it from being used. `in_files`: names of settings that stand in files, and may change."""
    found = [*_of_ids(destination), *_of_names(destination)]
    if destination.signature.scheme is None:
        said = sorted(destination.signature.model_fields_set - {"scheme"})
        named = ", ".join(f"{_PLACE}.{name}" for name in said)
        remedy = "write destination.signature.scheme, or leave it out"
        return [*found, f"{named}: requests are not signed without a scheme: {remedy}"] if said else found
    return [
        *found,
        *_of_what_is_meaningless(destination),
        *_of_secrets(destination),
        *_of_what_is_covered(destination),
        *_of_components(destination),
        *_of_what_is_put_on_later(destination, in_files),
    ]


def warnings(destination: DestinationSettings) -> list[str]:
    """What can be done, and is hardly meant."""
    found, said = [], destination.signature
    if said.scheme is not None and said.scheme.has_one and len(signing_texts(destination)) > 1:
        found.append(f"{_PLACE}.secrets: {said.scheme} has room for one signature: the first secret signs")
    covers = said.scheme is not None and said.scheme.covers_chosen_parts
    if covers and destination.method.has_body and DIGEST not in components(destination):
        found.append(f"{_PLACE}.components: without {DIGEST} nothing of the event is signed")
    key = destination.idempotency_key.header
    if key is not None and attempt_policy(destination).idempotency_header is None and has_ids(destination):
        found.append(f"destination.idempotency_key: {destination.method} has none, POST and PATCH have")
    return found


def _of_ids(destination: DestinationSettings) -> Iterator[str]:
    if has_ids(destination):
        return
    remedy = "leave destination.id as it is (destination.id.header: null sends none), or leave it out"
    if destination.idempotency_key.header is not None:
        yield f"destination.idempotency_key: is the id, and destination.id is off: {remedy}"
    scheme = destination.signature.scheme
    if scheme is not None and scheme.has_id:
        yield f"{_PLACE}.scheme: {scheme} signs the id, and destination.id is off: {remedy}"
    if destination.signature.nonce:
        yield f"{_PLACE}.nonce: is the id, and destination.id is off: {remedy}"


def _of_names(destination: DestinationSettings) -> Iterator[str]:
    """What is made for each attempt is nobody else's to say."""
    made: dict[str, str] = {}
    for name, setting in made_headers(destination):
        other = made.setdefault(as_read(name), setting)
        if other != setting:
            yield f"{setting}: {name} is the header of {other} too: give one of them another name"
        if as_read(name) in _OF_REQUESTS:
            yield f"{setting}: {name} says something else of requests: give another name"
    remedies = {
        "auth": "give one of them another name",
        "headers": "leave it out here, or give that another name",
        "forward_headers": "leave it out here, or write destination.id: {from: header:NAME}",
    }
    said = {"auth": header_names(destination.auth)}
    said |= {place: getattr(destination, place) for place in ("headers", "forward_headers")}
    for place, remedy in remedies.items():
        for name in said[place]:
            if setting := made.get(as_read(name), ""):
                yield f"destination.{place}: {name} is made for each attempt by {setting}: {remedy}"


def _of_what_is_meaningless(destination: DestinationSettings) -> Iterator[str]:
    said, scheme = destination.signature, destination.signature.scheme
    assert scheme is not None
    if said.header is not None and scheme not in HEADERS:
        yield f"{_PLACE}.header: {scheme} has names of its own: leave it out"
    if not scheme.covers_chosen_parts:
        for name in _OF_MESSAGES:
            if name in said.model_fields_set:
                yield f"{_PLACE}.{name}: is for http_message_signatures, not for {scheme}: leave it out"


def _of_secrets(destination: DestinationSettings) -> Iterator[str]:
    said, texts = destination.signature, signing_texts(destination)
    assert said.scheme is not None
    if not texts:
        yield f"{_PLACE}.secrets: there is none: write {{from_file: PATH}} or {{from_env: NAME}}"
    if said.key_id and texts and len(said.key_id) != len(texts):
        yield f"{_PLACE}.key_id: there are {len(texts)} secrets: give one to each, or none"
    for number, text in enumerate(texts, 1):
        try:
            keys.key(said.scheme, said.algorithm, text)
        except keys.UnusableSecretError as error:
            yield f"{_PLACE}.secrets: secret {number}: {error}"


def _of_what_is_covered(destination: DestinationSettings) -> Iterator[str]:
    method, scheme = destination.method, destination.signature.scheme
    assert scheme is not None
    if method.has_body:
        return
    if not scheme.covers_chosen_parts:
        yield (
            f"{_PLACE}.scheme: {scheme} signs the body alone, and with {method} events travel in the query: "
            "write http_message_signatures, or destination.method: POST"
        )
    elif not any(each in _TARGETS for each in components(destination)):
        yield (
            f"{_PLACE}.components: with {method} events travel in the query, and none of them covers it: add "
            "@target-uri"
        )


def _of_components(destination: DestinationSettings) -> Iterator[str]:
    """Each has to be on every request, and has to stand there once."""
    scheme = destination.signature.scheme
    assert scheme is not None
    if not scheme.covers_chosen_parts:
        return
    said = components(destination)
    of_body = ("content-type", LENGTH) if destination.method.has_body else ()
    there = {
        *_OWN,
        *of_body,
        DIGEST,
        *map(str.lower, destination.headers),
        *map(str.lower, destination.forward_headers),
        *(name.lower() for name, setting in made_headers(destination) if setting != _PLACE),
    }
    for name in dict.fromkeys(said):
        if said.count(name) > 1:
            yield f"{_PLACE}.components: {name} stands there twice: name it once"
        if name.startswith("@") and name not in DERIVED:
            yield f"{_PLACE}.components: {name[:64]} is none: write {', '.join(DERIVED)}, or headers"
        elif not name.startswith("@") and (not TOKEN.fullmatch(name) or name not in there):
            yield (
                f"{_PLACE}.components: {name[:64]!r} is no header of every request: take it out, or give it "
                "in destination.headers"
            )


def _of_what_is_put_on_later(destination: DestinationSettings, in_files: Container[str]) -> Iterator[str]:
    """What proves who we are is put on behind the signature, which would be another one's then."""
    covered, auth = components(destination), destination.auth
    if auth.type == "api_key" and auth.in_ == "query":
        for name in covered:
            if name in _KEYS_STAND_IN:
                yield (
                    f"{_PLACE}.components: {name} would hold the key of destination.auth, which is put on "
                    "behind the signature: write @path and @authority, or auth.in: header"
                )
    for name in destination.headers:
        if name.lower() in covered and f"destination.headers.{name}" in in_files:
            yield (
                f"{_PLACE}.components: {name[:64]} stands in a file, which may change behind the signature: "
                "take it out"
            )
