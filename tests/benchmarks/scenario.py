"""The scenarios: what lies in the topic, how the endpoint behaves, how many requests may be under way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tests.benchmarks import encoded
from tests.benchmarks.backlog import Shape
from tests.benchmarks.receiver import Conduct

EVENTS = 200_000
BACKLOG = Shape(EVENTS)
AT_ONCE = Conduct()


@dataclass(frozen=True)
class Scenario:
    """One line of the table; `has_peers`: whether the peers take part.

    `settings`: what our processor is told beside its defaults. Of the events, every `every`th is delivered,
    and all others are left out; what is counted and timed are all of them.
    """

    name: str
    title: str
    shape: Shape = BACKLOG
    conduct: Conduct = AT_ONCE
    in_flight: int = 64
    method: str = "POST"
    processes: int = 1
    rate: float = 0.0
    has_peers: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    every: int = 1

    @property
    def delivered(self) -> int:
        """How many events arrive."""
        return -(-self.shape.events // self.every)

    def with_events(self, events: int) -> "Scenario":
        """The same with another size of a backlog of 200,000, and others in proportion."""
        scaled = max(1, self.shape.events * events // EVENTS)
        return replace(self, shape=replace(self.shape, events=scaled))


ALL = (
    Scenario("S1", "backlog, 8 partitions, 64 in flight, 0 ms", has_peers=True),
    Scenario("S2", "256 in flight, 5 ms", conduct=Conduct(5), in_flight=256, has_peers=True),
    Scenario(
        "S3",
        "one partition, 10,000 keys, 512 in flight, 50 ms",
        Shape(EVENTS, partitions=1),
        Conduct(50),
        in_flight=512,
        has_peers=True,
    ),
    Scenario("S4", "1 % answered 503, 0.1 % 400", conduct=Conduct(busy_every=100, refuse_every=1000)),
    Scenario("S5", "idle topic, 20 events/s", Shape(400), rate=20.0, has_peers=True),
    Scenario("S6", "TLS", conduct=Conduct(tls=True), has_peers=True),
    Scenario("S7", "GET, flattened", method="GET"),
    Scenario("S8-10", "10 partitions, 1,000 keys", Shape(EVENTS, 10, 1_000)),
    Scenario("S8-100", "100 partitions, 1,000 keys", Shape(EVENTS, 100, 1_000)),
    Scenario("S8-1000", "1,000 partitions, 1,000 keys", Shape(EVENTS, 1_000, 1_000)),
    Scenario("S8-1M", "10 partitions, 1,000,000 keys", Shape(EVENTS * 5, 10, 1_000_000)),
    Scenario("S9", "two processes in one group, on one core", processes=2),
    Scenario(
        "S10",
        "Avro by a schema file, 0.7 kB, 1.3 kB of JSON",
        Shape(EVENTS, form="avro"),
        settings={"record": {"value": "avro", "schema_file": str(encoded.AVRO)}},
    ),
    Scenario(
        "S11",
        "Protobuf by a schema file, 0.3 kB, 0.5 kB of JSON",
        Shape(EVENTS, form="protobuf"),
        settings={
            "record": {"value": "protobuf", "schema_file": str(encoded.PROTOBUF), "message": encoded.MESSAGE}
        },
    ),
    Scenario(
        "S12",
        "a body of three templates",
        settings={
            "destination": {
                "body": {
                    "number": "{{ event.properties.number }}",
                    "order": "order {{ event.properties.order_id }}",
                    "total": "{{ event.properties.total * 100 }}",
                }
            }
        },
    ),
    Scenario(
        "S13",
        "a filter that leaves out nine of ten",
        settings={"filter": {"when": "event.properties.number % 10 == 0"}},
        every=10,
    ),
    Scenario(
        "S14",
        "signed by Standard Webhooks, v1",
        settings={
            "destination": {
                "signature": {
                    "scheme": "standard_webhooks",
                    "secrets": ["whsec_ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoM="],
                }
            }
        },
    ),
    Scenario(
        "S15",
        "a bearer token, put on when a request leaves",
        settings={"destination": {"auth": {"type": "bearer", "token": "benchmark." * 30}}},
    ),
)


def titles() -> dict[str, str]:
    """What a table calls the scenarios, by name."""
    return {each.name: f"{each.name} {each.title}" for each in ALL}


def chosen(names: Sequence[str], events: int = EVENTS, beside: Sequence[str] = ()) -> list[Scenario]:
    """Scenarios by name, S8 meaning all that begin so; all where no name is given.

    Names in `beside` are those of something else. Raises LookupError for a name that nothing has.
    """
    for name in names:
        if name not in beside and not any(_is_meant(each, [name]) for each in ALL):
            raise LookupError(f"there is no scenario {name}: {', '.join(titles())}")
    return [each.with_events(events) for each in ALL if not names or _is_meant(each, names)]


def _is_meant(scenario: Scenario, names: Sequence[str]) -> bool:
    return scenario.name in names or scenario.name.partition("-")[0] in names
