"""Authorities: whom we trust at a proxy; who we are there, a login says.

Promise: `check` asks for them without what opens connections.
"""

from typing import Final

from processor.config.destination.proxy import ProxySettings
from processor.config.destination.tls import IdentitySettings
from processor.web.tls import refuse_unusable as refuse_unusable_identity

PROXY: Final = "destination.proxy"
"""Where its settings stand."""


def identity(proxy: ProxySettings) -> IdentitySettings:
    """Whom we trust, without anything of ours."""
    return IdentitySettings(ca_file=proxy.ca_file)


def refuse_unusable(proxy: ProxySettings) -> None:
    """Raise ConfigError if the proxy's authorities cannot be loaded."""
    refuse_unusable_identity(identity(proxy), PROXY)
