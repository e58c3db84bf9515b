"""Who we are to the webhook, in one process: what stands in files and what is fetched, put on requests.

Promises: a secret that stands in a file is used within `LOOK_SECONDS` of its change, and at once where the
one before was refused; what cannot be used leaves the one before, is counted, and told once. A certificate
that was changed is shown on new connections, and none of the old ones outlives its answer. Where nothing
proves who we are, and nothing can change, nothing of this is there: requests go to the client.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Protocol

from processor.clock import Timer
from processor.config.destination.auth import AuthSettings
from processor.config.destination.auth_faults import fault_of
from processor.config.destination.endpoint import DestinationSettings
from processor.config.values.types import mapping
from processor.core.redaction import Secrets
from processor.core.request.endpoint import Endpoint
from processor.core.request.headers import FORBIDDEN_IN_VALUE, LONGEST_VALUE
from processor.core.services.aws_answers import is_expired
from processor.core.services.refusals import FRESH_SECONDS, Refusals
from processor.core.services.sigv4 import AwsKeys
from processor.model import Answer, Request, Response
from processor.telemetry.facts import Facts
from processor.web.credentials.authorised import Authorised, Sends
from processor.web.credentials.certificates import Certificates
from processor.web.credentials.files import Changes, Files, Secret
from processor.web.credentials.granting import LARGEST_ANSWER, SECONDS, Granting
from processor.web.credentials.proofs import AUTH, HEADERS, Proofs
from processor.web.credentials.renewed import Renewed
from processor.web.services.service import Service

LOOK_SECONDS = 10.0
"""How often files are looked at."""
FRESH_FILE_SECONDS = 0.25
"""What was read so lately is not read again because it is refused."""
KEY_PASSWORD = "destination.tls.key_password"  # noqa: S105 - the name of the setting
ALL_HEADERS = "destination.headers"
"""A file may hold all of them."""
_TLS = "destination.tls"
_ISSUERS_KEY_PASSWORD = f"{AUTH}tls.key_password"


class Sender(Protocol):
    """Whom requests go to, as traffic knows it."""

    def send(self, request: Request, answered: Callable[[Answer], None]) -> Callable[[], None]:
        """Call `answered` once, later; the function returned cancels that."""
        ...


class Trusts(Sends, Protocol):
    """The client."""

    def trust(self, own: ssl.SSLContext, foreign: ssl.SSLContext) -> None:
        """Open connections by these from now on."""
        ...


class Credentials:
    """Those of one process; `sender` is whom requests go to."""

    sender: Sender

    def __init__(
        self,
        destination: DestinationSettings,
        client: Trusts,
        *,
        files: Mapping[str, Path],
        secrets: Secrets,
        may_send: Callable[[], bool],
        wall_clock: Callable[[], float],
        chance: Callable[[], float],
        environ: Mapping[str, str],
        every: float = LOOK_SECONDS,
        fresh: float = FRESH_SECONDS,
    ) -> None:
        """`files`: where settings stand that are read from files, by their names. They are looked at
        `every` so many seconds. What was fetched so lately as `fresh` is refused for another reason than its
        age. Raises ConfigError.
        """
        self._every = every
        auth = destination.auth
        headers = {
            name: value.get_secret_value()
            for name, value in destination.headers.items()
            if HEADERS + name in files or ALL_HEADERS in files
        }
        self._secrets = secrets
        self._proofs = Proofs(auth, headers, secrets)
        self._client = client
        self._service = Service(SECONDS, LARGEST_ANSWER)
        self._told: dict[str, Callable[[str], str]] = {}
        self._watched = [*_secrets(destination, headers, files)]
        self._certificates = Certificates(destination.tls, shows_all=destination.allowed_hosts_get_secrets)
        self._granting: Granting | None = None
        self._renewed: Renewed[str | AwsKeys] | None = None
        self._faults: dict[str, str] = {}
        self._looking: asyncio.Task[None] | None = None
        self._looks_again = False
        self._timer: Timer | None = None
        self._authorised: Authorised | None = None
        self.sender = client
        if auth.type == "none" and not headers:
            return
        has_all = destination.allowed_hosts_get_secrets or not destination.allowed_hosts
        self.sender = self._authorised = Authorised(
            client,
            timeout=destination.request_timeout,
            suspects=auth.refused_statuses | ({403} if auth.type == "aws_sigv4" else frozenset()),
            is_refusal=partial(_is_refusal, auth.refused_statuses, auth.type == "aws_sigv4"),
            is_own=None if has_all else Endpoint(destination.url, destination.allowed_hosts).is_own,
            may_send=may_send,
            wall_clock=wall_clock,
            refresh=self._refresh,
            refusals=Refusals(fresh) if auth.is_fetched() else Refusals(FRESH_FILE_SECONDS, rarer=1.0),
        )
        if auth.is_fetched():
            self._granting = Granting(auth, self._proofs, self._service, secrets, environ)
            self._told[_ISSUERS_KEY_PASSWORD] = self._granting.locked_by
            self._renewed = Renewed(
                self._granting.ask, self._granted, self._authorised.lost, chance, wall_clock, self._kept
            )

    def watch(self, secret: Secret, told: Callable[[str], str]) -> None:
        """Tell what else stands in a file when it changes; to be said before `open`.

        What `told` returns is why it cannot be used, or nothing.
        """
        self._watched.append(secret)
        self._told[secret.name] = told

    async def open(self, facts: Facts) -> None:
        """Ask for what has to be fetched, and look at what stands in files from now on."""
        self._facts = facts
        self._loop = loop = asyncio.get_running_loop()
        self._files = Files(self._watched)
        for which, validity in await self._service.apart(lambda: list(self._certificates.validities())):
            facts.certificate_read(which, validity.since, validity.until)
        if self._authorised is not None:
            self._authorised.open(loop, facts)
            if self._renewed is None:
                self._authorised.learnt(self._proofs.made())
            else:
                self._renewed.open(facts)
        if self._watched or self._certificates.has_files():
            self._timer = loop.call_later(self._every, self.look)

    async def close(self) -> None:
        """What waits for a credential is answered; nothing is looked at any more."""
        self._looks_again = False
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait((self._looking,))
        if self._timer is not None:
            self._timer.cancel()
        if self._authorised is not None:
            self._authorised.close()
        if self._renewed is not None:
            await self._renewed.close()
        await self._service.close()

    def fault(self) -> str | None:
        """Why no request can leave; None: it can, as far as it is for us to say."""
        return self._authorised.fault() if self._authorised is not None else None

    # What is fetched

    def _granted(self, value: str | AwsKeys) -> None:
        self._granting_is = value
        assert self._authorised is not None
        self._authorised.learnt(self._proofs.made(value))

    def _kept(self) -> None:
        """There is no other than the one that was refused, which may be good for other requests."""
        assert self._authorised is not None
        self._authorised.confirmed(self._proofs.made(self._granting_is))

    def _refresh(self) -> None:
        """What is used was refused."""
        assert self._authorised is not None
        if self._renewed is not None:
            if self._renewed.drop():
                self._authorised.lost("the last one was refused")
            else:
                self._authorised.confirmed()
        if self._timer is not None:
            self._timer.cancel()
        self.look()

    # What stands in files

    def look(self) -> None:
        """Look at all of them, in a thread; once more afterwards, where that is being done already."""
        self._looks_again = self._looking is not None
        if self._looking is None:
            self._looking = self._loop.create_task(self._looked())

    async def _looked(self) -> None:
        try:
            changes = await self._service.apart(self._files.look)
            is_new = self._take(changes)
            renewal = await self._service.apart(self._certificates.look)
            self._tell(_TLS, renewal.fault)
            if renewal.contexts is not None:
                self._client.trust(*renewal.contexts)
                self._facts.credential_reloaded(_TLS)
                for which, validity in await self._service.apart(
                    lambda: list(self._certificates.validities())
                ):
                    self._facts.certificate_read(which, validity.since, validity.until)
        finally:
            self._looking = None
            if again := self._looks_again:
                self.look()
            else:
                self._timer = self._loop.call_later(self._every, self.look)
        if again:
            return  # what was refused meanwhile may have changed behind this look
        if self._authorised is not None and self._renewed is None and not is_new:
            self._authorised.confirmed()

    def _take(self, changes: Changes) -> bool:
        """What has changed is used from now on; whether a proof has."""
        for name, fault in changes.faults.items():
            self._tell(name, fault)
        is_new = is_put_on = False
        for name, text in changes.texts.items():
            self._facts.credential_reloaded(name)
            if name not in self._told and (name.startswith((AUTH, HEADERS)) or name == ALL_HEADERS):
                for each, value in _each(name, text).items():
                    self._proofs.read(each, value)
                is_new, is_put_on = True, is_put_on or not name.startswith(AUTH)
                continue
            self._secrets.add(name, text)
            if name == KEY_PASSWORD:
                self._certificates.locked_by(text)
            else:
                self._tell(name, self._told[name](text))
        if is_new and self._authorised is not None:
            self._use_anew(is_put_on=is_put_on)
        return is_new

    def _use_anew(self, *, is_put_on: bool) -> None:
        """A proof with what was read; where another is fetched by it, that is asked for if none is there.

        `is_put_on`: requests carry some of it themselves; else what was fetched before is still the same.
        """
        assert self._authorised is not None
        if self._renewed is None:
            self._authorised.learnt(self._proofs.made())
        elif self._authorised.fault() is not None:
            self._renewed.ask_now()
        elif is_put_on:
            self._authorised.learnt(self._proofs.made(self._granting_is))

    def _tell(self, name: str, fault: str) -> None:
        """A fault is told once, and again when it is another."""
        if fault and fault != self._faults.get(name):
            self._facts.credential_not_reloaded(name, fault)
        self._faults[name] = fault


def _is_refusal(statuses: frozenset[int], is_aws: bool, answer: Response) -> bool:
    return answer.status in statuses or (is_aws and is_expired(answer.status, answer.body))


def _secrets(
    destination: DestinationSettings, headers: Mapping[str, str], files: Mapping[str, Path]
) -> list[Secret]:
    """What is read again: of `auth`, of the headers, and the password of our key."""
    auth: AuthSettings = destination.auth
    found = [
        Secret(name, file, auth.plain(name.removeprefix(AUTH)), partial(fault_of, name.removeprefix(AUTH)))
        for name, file in files.items()
        if name.startswith(AUTH) and name != _ISSUERS_KEY_PASSWORD and auth.plain(name.removeprefix(AUTH))
    ]
    found += [
        Secret(HEADERS + name, files[HEADERS + name], text, _fault_of_header)
        for name, text in headers.items()
        if HEADERS + name in files
    ]
    if ALL_HEADERS in files:
        found.append(Secret(ALL_HEADERS, files[ALL_HEADERS], "", _fault_of_headers))
    for name, tls in ((KEY_PASSWORD, destination.tls), (_ISSUERS_KEY_PASSWORD, auth.tls)):
        if name in files and tls.key_password is not None:
            found.append(Secret(name, files[name], tls.key_password.get_secret_value()))
    return found


def _each(name: str, text: str) -> dict[str, str]:
    """What was read by the names of settings: of a file with all headers each of them. Raises ValueError."""
    if name != ALL_HEADERS:
        return {name: text}
    said = mapping(text)
    if not isinstance(said, dict) or not all(isinstance(value, str) for value in said.values()):
        raise ValueError("must be a mapping of names to texts")
    return {HEADERS + header: value for header, value in said.items()}


def _fault_of_headers(text: str) -> str:
    try:
        return next(filter(None, map(_fault_of_header, _each(ALL_HEADERS, text).values())), "")
    except ValueError as error:
        return str(error)


def _fault_of_header(text: str) -> str:
    if len(text) > LONGEST_VALUE or FORBIDDEN_IN_VALUE.search(text):
        return "holds what no header can: a line break, another control character, or too much"
    return ""
