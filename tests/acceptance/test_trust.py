"""What proves who we are, and whom we trust, changes under way or is gone: nothing is lost for it."""

import asyncio
import json
import ssl
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import trustme
from standardwebhooks.webhooks import Webhook

from tests.acceptance.conftest import Stage
from tests.acceptance.processor import Processor
from tests.support.endpoint import Arrival, Endpoint, Reply
from tests.support.long_suite import LONG
from tests.support.oauth import TokenEndpoint
from tests.support.patience import PATIENCE
from tests.unit.admin.asking import serving

pytestmark = pytest.mark.kafka

Build = Callable[..., Stage]
EVENTS = 20_000 if LONG else 1_500
OUTAGE_SECONDS = 60.0 if LONG else 6.0
TOKEN_SECONDS = 5
MOST_FETCHES = 3
SIGNING = "whsec_" + b64encode(b"what signs is 32 bytes long, too").decode()
CLIENT_SECRET = "p+ss/w0rd:%&\u00fc\u20ac, and 32 bytes at least"
HOST = "127.0.0.1"


class Receiver:
    """A webhook that takes events with the newest token, a good signature and a certificate that it knows."""

    def __init__(self, tokens: TokenEndpoint, tls: ssl.SSLContext) -> None:
        self.endpoint = Endpoint(self._answer, tls=tls)
        self.taken: set[bytes] = set()
        self.is_refusing = False
        self.refused = 0
        self._tokens = tokens
        self._verifier = Webhook(SIGNING)

    async def has_taken(self, number: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while len(self.taken) < number:
                await asyncio.sleep(0.05)

    def _answer(self, arrival: Arrival) -> Reply:
        self._verifier.verify(arrival.body, {name.lower(): value for name, value in arrival.headers})
        if self.is_refusing or not self._tokens.accepts(arrival.header("Authorization")):
            self.refused += 1
            return Reply(401)
        self.taken.add(arrival.body)
        return Reply(200)


class Credentials:
    """The files of a pair and of the authority that we trust, as something else renews them."""

    def __init__(self, folder: Path) -> None:
        self.ca, self.certificate, self.key = (folder / name for name in ("ca.pem", "us.pem", "us.key"))
        self.authority, self.clients = trustme.CA(), trustme.CA()
        self.ca.write_bytes(self.authority.cert_pem.bytes())
        self.server = serving(self.authority.issue_cert(HOST), clients_of=self.clients)
        self.first = self.issue()
        self.key.write_bytes(self.first.private_key_pem.bytes())
        self.certificate.write_bytes(self.first.cert_chain_pems[0].bytes())

    def issue(self) -> trustme.LeafCert:
        return self.clients.issue_cert("us.example")

    def settings(self) -> dict[str, str]:
        return {
            "ca_file": str(self.ca),
            "certificate_file": str(self.certificate),
            "key_file": str(self.key),
        }

    async def renew_pair(self) -> None:
        """The certificate first, and a while later the key: in between they do not fit."""
        pair = self.issue()
        self.certificate.write_bytes(pair.cert_chain_pems[0].bytes())
        await asyncio.sleep(1.0)
        self.key.write_bytes(pair.private_key_pem.bytes())

    def renew_authority(self) -> None:
        """The server has a certificate of another one from now on."""
        other = trustme.CA()
        self.ca.write_bytes(other.cert_pem.bytes())
        other.issue_cert(HOST).configure_cert(self.server)


async def is_told(processor: Processor, is_well: bool) -> None:
    """`/readyz` tells of the credentials, or does no more."""
    async with asyncio.timeout(PATIENCE):
        while True:
            checks = json.loads((await processor.page("/readyz"))[1])["checks"]
            if (checks["credentials"] == "ok") is is_well:
                return
            await asyncio.sleep(0.1)


def spellings(secret: str) -> list[str]:
    """A secret as logs and pages could have it."""
    raw = secret.encode()
    return [secret, quote(secret, safe=""), raw.hex(), b64encode(raw).decode(), ascii(secret)[1:-1]]


@pytest.mark.timeout(900 if LONG else 300)
async def test_what_proves_who_we_are_changes_or_is_gone_and_no_event_suffers(
    stage: Build, tmp_path: Path
) -> None:
    here, files, tokens = stage(4), Credentials(tmp_path), TokenEndpoint()
    tokens.clients = {"crm": CLIENT_SECRET}
    tokens.oddities = {"expires_in": TOKEN_SECONDS}
    events = [b'{"n":%d}' % n for n in range(EVENTS)]
    receiver = Receiver(tokens, files.server)
    share = EVENTS // 5

    async def feed(part: int) -> None:
        """A fifth of the events, while something happens."""
        records = [(b"k%d" % (n % 50), events[n], ()) for n in range(part * share, (part + 1) * share)]
        await asyncio.to_thread(here.produce, records)

    async with receiver.endpoint, tokens:
        auth: dict[str, Any] = {
            "type": "oauth2",
            "token_url": tokens.url,
            "client_id": "crm",
            "client_secret": CLIENT_SECRET,
        }
        destination = {
            "url": f"{receiver.endpoint.url}/hook",
            "auth": auth,
            "tls": files.settings(),
            "signature": {"scheme": "standard_webhooks", "secrets": [SIGNING]},
            "request_timeout": 2.0,
        }
        processor = here.processor("", destination=destination, retry={"max_attempts": 2})
        async with processor:
            await feed(0)
            await receiver.has_taken(share)

            first = receiver.endpoint.shown[0]
            await files.renew_pair()
            await feed(1)
            await receiver.has_taken(2 * share)
            await processor.tells("a credential was read anew", setting="destination.tls")

            files.renew_authority()
            await feed(2)
            await receiver.has_taken(3 * share)
            assert receiver.endpoint.shown[-1] != first

            tokens.fault = Reply(503)
            await feed(3)
            await is_told(processor, is_well=False)
            await asyncio.sleep(OUTAGE_SECONDS)
            tokens.fault = None
            await receiver.has_taken(4 * share)
            await is_told(processor, is_well=True)

            tokens.oddities = {"expires_in": 3600}
            receiver.is_refusing, fetched = True, tokens.granted
            await feed(4)
            await is_told(processor, is_well=False)
            await asyncio.sleep(OUTAGE_SECONDS)
            assert tokens.granted - fetched <= MOST_FETCHES
            receiver.is_refusing = False
            await receiver.has_taken(EVENTS)
            await is_told(processor, is_well=True)

            metrics = await processor.metrics()
            shown = "\n".join([(await processor.page(path))[1] for path in ("/metrics", "/readyz", "/live")])
            assert await processor.terminate() == 0
    assert receiver.taken == set(events)
    assert here.committed() == EVENTS
    assert sum(here.broker.end_offsets(here.dead_letters).values()) == 0
    assert metrics["credential_fetches_total", "granted"] >= MOST_FETCHES
    shown += "\n".join(map(str, processor.log()))
    for secret in (CLIENT_SECRET, SIGNING, *(f"token-{n}" for n in range(1, tokens.granted + 1))):
        assert not [each for each in spellings(secret) if each in shown]
