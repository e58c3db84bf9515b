"""Dead-letter topics that are missing, closed or too small: the line stops, and goes on; a ledger is kept."""

import asyncio
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclBinding, AclBindingFilter, AclOperation, AclPermissionType
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType

from tests import apache_kafka as kafka
from tests.apache_kafka import PASSWORD, USERNAME, Node, SecureBroker
from tests.faults.scene import Member, Scene
from tests.faults.test_processors import assert_clean

pytestmark = pytest.mark.kafka

Build = Callable[..., Scene]
OFTEN_REFUSED = {"poison": 0.05}
QUICK = {"dead_letter": {"write_timeout": 1}}
CHANGE_SECONDS = 30.0


class GuardedBroker(SecureBroker):
    """A broker that knows who may do what. Tests come to it by the listener that may do everything."""

    def __init__(self, way: kafka.Way) -> None:
        super().__init__(way)
        self.guarded = self.servers("SASL_SSL")
        self.settings = {"bootstrap.servers": self.servers("INTERNAL")}
        self.bootstrap_servers = self.settings["bootstrap.servers"]

    def deny_writing(self, topic: str) -> None:
        """Everybody may do everything with the topic, but the user may not write."""
        everything = acl(topic, "User:*", AclOperation.ALL, AclPermissionType.ALLOW)
        nothing = acl(topic, f"User:{USERNAME}", AclOperation.WRITE, AclPermissionType.DENY)
        for done in self._admin.create_acls([everything, nothing]).values():
            done.result(CHANGE_SECONDS)

    def allow_writing(self, topic: str) -> None:
        """Take that back."""
        denied = AclBindingFilter(
            ResourceType.TOPIC,
            topic,
            ResourcePatternType.LITERAL,
            f"User:{USERNAME}",
            "*",
            AclOperation.WRITE,
            AclPermissionType.DENY,
        )
        for done in self._admin.delete_acls([denied]).values():
            done.result(CHANGE_SECONDS)

    def _properties(self, node: Node) -> str:
        return (
            super()._properties(node)
            + "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n"
            + "super.users=User:ANONYMOUS\nallow.everyone.if.no.acl.found=true\n"
        )


def acl(topic: str, who: str, operation: AclOperation, permission: AclPermissionType) -> AclBinding:
    """One rule about a topic."""
    where = (ResourceType.TOPIC, topic, ResourcePatternType.LITERAL)
    return AclBinding(*where, who, "*", operation, permission)


@pytest.fixture(scope="module")
def guarded_broker() -> Iterator[GuardedBroker]:
    """One."""
    found = kafka.way()
    if isinstance(found, str):
        pytest.skip(found)
    broker = GuardedBroker(found)
    yield broker
    broker.stop()


async def blocked(run: Scene, reason: str) -> Member:
    """A member that cannot write its dead letters, says so, and commits nothing beyond them."""
    member = await run.join()
    await member.until("dead_letter_write_failures_total", reason, at_least=2)
    assert (await member.page("/readyz"))[0] == 503
    assert (await member.page("/livez"))[0] == 200
    return member


async def test_a_dead_letter_topic_that_is_missing_stops_the_line_until_it_is_there(scene: Build) -> None:
    async with scene(1500, plan=OFTEN_REFUSED, letters=None, **QUICK) as run:
        member = await blocked(run, "unknown_topic")
        await run.kill(member)
        await blocked(run, "unknown_topic")
        await asyncio.to_thread(run.broker.create_topic, run.dead_letters)
        verdict = await run.finish()
    assert_clean(run, verdict)


async def test_a_dead_letter_topic_that_is_too_small_stops_the_line_until_it_is_larger(scene: Build) -> None:
    plan = OFTEN_REFUSED | {"pad": (8000, 9000)}
    async with scene(600, plan=plan, letters={"max.message.bytes": "4000"}, **QUICK) as run:
        await blocked(run, "too_large")
        await asyncio.to_thread(enlarge, run)
        verdict = await run.finish()
    assert_clean(run, verdict)


def enlarge(run: Scene) -> None:
    """Let the dead-letter topic take what other topics take."""
    entry = ConfigEntry("max.message.bytes", "1000000", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, run.dead_letters, incremental_configs=[entry])
    admin = AdminClient(dict(run.broker.settings))
    for done in admin.incremental_alter_configs([resource]).values():
        done.result(CHANGE_SECONDS)


async def test_a_dead_letter_topic_that_may_not_be_written_stops_the_line_until_it_may(
    scene: Build, guarded_broker: GuardedBroker
) -> None:
    login = {
        "security_protocol": "sasl_ssl",
        "ssl_ca_file": str(guarded_broker.ca_file),
        "sasl_mechanism": "PLAIN",
        "sasl_username": USERNAME,
        "sasl_password": PASSWORD,
    }
    where = {"broker": guarded_broker, "bootstrap_servers": guarded_broker.guarded}
    async with scene(1500, plan=OFTEN_REFUSED, kafka=login, **where, **QUICK) as run:
        await asyncio.to_thread(guarded_broker.deny_writing, run.dead_letters)
        await blocked(run, "not_authorized")
        await asyncio.to_thread(guarded_broker.allow_writing, run.dead_letters)
        verdict = await run.finish()
    assert_clean(run, verdict)
