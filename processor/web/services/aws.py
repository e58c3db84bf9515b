"""AWS's credentials of a workload: what the platform it runs on gives.

Promises: which platform that is, is said by the environment variables that AWS itself sets; the token that
stands in a file is read for each question. What comes back is known as secret before it is used.
"""

import ssl
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from processor.config.sources.references import text_in, without_margins
from processor.core.services.aws_answers import AwsGranted, of_container, of_sts
from processor.core.services.token import Refused
from processor.errors import ConfigError, Problem
from processor.web.services.service import Service

_ROLE, _ROLE_FILE = "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"
_FULL, _RELATIVE = "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
_LOGIN, _LOGIN_FILE = "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
_CONTAINER = "http://169.254.170.2"
_SESSION = "kafka-webhook-processor"


class Platform(NamedTuple):
    """Where credentials are asked for. `role`: taken on with the token in `file`; else a container's."""

    url: str
    file: Path | None
    role: str = ""
    session: str = _SESSION
    login: str = ""

    def __repr__(self) -> str:
        """Nothing of what is secret."""
        return f"Platform({self.url}, {self.file}, {self.role})"


def platform(environ: Mapping[str, str], region: str) -> Platform:
    """The one that the variables name. Raises ConfigError where they name none."""
    if environ.get(_ROLE_FILE) and environ.get(_ROLE):
        domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        url = environ.get("AWS_ENDPOINT_URL_STS") or f"https://sts.{region}.{domain}"
        session = environ.get("AWS_ROLE_SESSION_NAME") or _SESSION
        return Platform(url.rstrip("/") + "/", Path(environ[_ROLE_FILE]), environ[_ROLE], session)
    url = environ.get(_FULL) or (_CONTAINER + environ[_RELATIVE] if environ.get(_RELATIVE) else "")
    if not url.startswith(("http://", "https://")):
        remedy = f"give access_key_id and secret_access_key, or run where {_ROLE_FILE} or {_FULL} is set"
        raise ConfigError([Problem("destination.auth", "aws_sigv4 has no keys, nor a platform's", remedy)])
    file = environ.get(_LOGIN_FILE)
    return Platform(url, Path(file) if file else None, login=environ.get(_LOGIN, ""))


async def ask(
    service: Service, where: Platform, context: ssl.SSLContext, known: Callable[..., None]
) -> AwsGranted | Refused:
    """Ask for credentials. Raises TransportError."""
    try:
        token = where.login if where.file is None else await service.apart(lambda: _read(where.file))
    except (OSError, UnicodeDecodeError):
        return Refused(f"the file {where.file} cannot be read")
    known(" login", token)
    if not where.role:
        headers = {"Authorization": token} if token else {}
        reply = await service.ask(where.url, context, {"Accept": "application/json", **headers})
        answer = of_container(reply.status, reply.body, time.time())
    else:
        form = {
            "Action": "AssumeRoleWithWebIdentity",
            "Version": "2011-06-15",
            "RoleArn": where.role,
            "RoleSessionName": where.session,
            "WebIdentityToken": token,
        }
        reply = await service.ask(where.url, context, {"Accept": "text/xml"}, form)
        answer = of_sts(reply.status, reply.body, time.time())
    if isinstance(answer, AwsGranted):
        known("", answer.keys.secret_access_key, answer.keys.session_token)
    return answer


def _read(file: Path | None) -> str:
    return without_margins(text_in(file)) if file else ""
