"""Whether what proves who we are is to be had: asked for once, and used for nothing.

Promise: it is asked for as `run` asks for it, and what comes back is told by its life alone.
"""

import asyncio
from collections.abc import Mapping

from yarl import URL

from processor.config.destination.auth import AuthSettings
from processor.core.redaction import Secrets
from processor.errors import ConfigError, TransportError
from processor.model import Finding
from processor.web.credentials.granting import LARGEST_ANSWER, SECONDS, Granting
from processor.web.credentials.proofs import Proofs
from processor.web.credentials.renewed import NotGrantedError
from processor.web.services.service import Service

_AWAY = ("connect", "connect_timeout", "dns", "reset", "answer_timeout")


def find(auth: AuthSettings, secrets: Secrets, environ: Mapping[str, str]) -> Finding:
    """What came of asking."""
    return asyncio.run(probe(auth, secrets, environ))


async def probe(auth: AuthSettings, secrets: Secrets, environ: Mapping[str, str]) -> Finding:
    """The same on a loop that runs."""
    what = "credentials of the platform"
    if auth.token_url is not None:
        what = f"token endpoint {URL(auth.token_url).origin()}"
    service = Service(SECONDS, LARGEST_ANSWER)
    try:
        grant = await Granting(auth, Proofs(auth, {}, secrets), service, secrets, environ).ask()
    except TransportError as error:
        return Finding(what, False, str(error), is_away=error.reason in _AWAY)
    except (NotGrantedError, ConfigError) as error:
        return Finding(what, False, secrets.strike(str(error)))
    finally:
        await service.close()
    noun = "a token" if auth.type == "oauth2" else "keys"
    return Finding(what, True, f"gives {noun}, good for {grant.life:.0f} s")
