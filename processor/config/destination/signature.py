"""Ids and signatures: by what receivers know an event again, and that it is ours.

Each setting with its name, meaning, default and limits. Times are seconds.
"""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, WithJsonSchema, model_validator

from processor.config.values.types import REFERENCE, Nullable, Section, Texts, items
from processor.core.request.headers import LONGEST_NAME, TOKEN, belongs_to_connection
from processor.core.request.signing.policy import Algorithm, Digest, Scheme

FROM_HEADER: Final = "header:"
OFF: Final = "none"
LABEL: Final = r"^[a-z*][a-z0-9_.*-]{0,63}$"
_WORDS = ("coordinates", "message_id", OFF)


def _header_name(name: str) -> str:
    if len(name) > LONGEST_NAME or not TOKEN.fullmatch(name):
        raise ValueError("is no name of a header: write letters, digits and -")
    if belongs_to_connection(name):
        raise ValueError(f"{name} belongs to the connection: write another name")
    return name


def _id_source(said: str) -> str:
    name = said.removeprefix(FROM_HEADER)
    if said in _WORDS or (name != said and 0 < len(name) <= LONGEST_NAME):
        return said
    raise ValueError("must be one of coordinates, message_id, header:NAME (a header of records), none")


def _off_if_null(said: Any) -> Any:
    return {"from": OFF} if said in (None, "null", OFF) else said


def _word_if_null(said: Any) -> Any:
    return OFF if said in (None, "null") else said


def _one_or_more(said: Any) -> Any:
    return items([said] if isinstance(said, SecretStr) else said)


def _or_one_reference(schema: dict[str, Any]) -> None:
    """Its schema may also be that of one secret alone, which stands elsewhere."""
    listed = {name: schema.pop(name) for name in ("type", "items")}
    schema["anyOf"] = [listed, REFERENCE]


NULL_IS_OFF: Final = BeforeValidator(_off_if_null)
"""Marks a section that null switches off, which else means that nothing is said of it."""
HeaderName = Annotated[str, AfterValidator(_header_name), Nullable]
_Secret = Annotated[SecretStr, WithJsonSchema({"anyOf": [{"type": "string"}, REFERENCE]})]
_Printable = Annotated[str, Field(pattern=r"^[\x20-\x7e]{1,256}$")]


class IdSettings(Section):
    """By what receivers know an event, however often it is sent."""

    source: Annotated[
        str,
        AfterValidator(_id_source),
        BeforeValidator(_word_if_null),
        WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "null"}]}),
    ] = Field(
        "coordinates",
        alias="from",
        description="What the id of an event is: `coordinates`, which are topic, partition, offset and "
        "timestamp of its record; `message_id`, its `messageId`; or `header:NAME`, a header of its record "
        "(`header:ce_id`: hashed with `ce_source`). Where that is missing, or has other characters than "
        "letters, digits, - and _, or more than 128, the coordinates. `none`: there is no id.",
    )
    header: HeaderName | None = Field(
        "webhook-id", description="The header that carries the id; null: it is made for signatures alone."
    )


class IdempotencyKeySettings(Section):
    """The id once more, for endpoints that keep what they answered to a key."""

    header: HeaderName | None = Field(
        None,
        description="The header that carries the id for endpoints that know idempotency keys, "
        "`Idempotency-Key` where only the format is said; with POST and PATCH alone. 409 is tried again "
        "then, since it says that an earlier attempt is still worked on. null: none.",
    )
    format: Literal["bare", "quoted"] = Field(
        "bare", description="How it is written: `bare`, or `quoted`, as the draft of the standard has it."
    )

    @model_validator(mode="before")
    @classmethod
    def _has_the_usual_header(cls, said: Any) -> Any:
        return {"header": "Idempotency-Key", **said} if isinstance(said, dict) else said

    @classmethod
    def off(cls) -> Self:
        """Nothing is said of it."""
        return cls(header=None)


class SignatureSettings(Section):
    """How requests are signed, each when it leaves."""

    scheme: Annotated[Scheme | None, Nullable] = Field(
        None,
        description="`standard_webhooks` (v1 and v1a), `svix`, `github`, `stripe`, `segment` (HMAC-SHA1, for "
        "receivers that have it) or `http_message_signatures` (RFC 9421). null: requests are not signed.",
    )
    secrets: Annotated[list[_Secret], BeforeValidator(_one_or_more)] = Field(
        default_factory=list,
        repr=False,
        json_schema_extra=_or_one_reference,
        description="What signs: values, `{from_file: PATH}` or `{from_env: NAME}`, each one secret or one "
        "a line. All of them sign while they rotate (`github`, `segment`: the first). `whsec_…`, `whsk_…` or "
        "Base64 for `standard_webhooks`, `svix` and `http_message_signatures`, PEM for ed25519; else text.",
    )
    header: HeaderName | None = Field(
        None,
        description="Where the signature of `github`, `stripe` and `segment` stands; null: in "
        "`X-Hub-Signature-256`, `Stripe-Signature`, `X-Signature`.",
    )
    components: Texts = Field(
        default_factory=list,
        description="What `http_message_signatures` cover: headers, and `@method`, `@target-uri`, "
        "`@authority`, `@scheme`, `@request-target`, `@path`, `@query`. Empty: `@method`, `@target-uri`, "
        "`content-digest` and `content-type` of a body, and the id.",
    )
    key_id: Annotated[list[_Printable], BeforeValidator(items)] = Field(
        default_factory=list, description="`keyid` of `http_message_signatures`, one for each secret."
    )
    algorithm: Algorithm = Field(
        Algorithm.HMAC_SHA256, description="Of `http_message_signatures`: `hmac-sha256` or `ed25519`."
    )
    algorithm_parameter: bool = Field(
        True, description="Whether `http_message_signatures` name their algorithm (`alg`)."
    )
    content_digest: Digest = Field(
        Digest.SHA_256, description="What `content-digest` is made with: `sha-256` or `sha-512`."
    )
    label: Annotated[str, Field(pattern=LABEL)] = Field(
        "sig1", description="What `http_message_signatures` are called; of several each has the next number."
    )
    expires_after: Annotated[int | None, Field(ge=1, le=7 * 24 * 3600), Nullable] = Field(
        None, description="`expires` of `http_message_signatures`, from when they are made; null: none."
    )
    nonce: bool = Field(False, description="Whether the id is `nonce` of `http_message_signatures`.")
    tag: Annotated[_Printable | None, Nullable] = Field(
        None, description="`tag` of `http_message_signatures`; null: none."
    )
