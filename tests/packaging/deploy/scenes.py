"""When each alert fires, when it does not, and when it ends by itself."""

# ruff: noqa: E501 (tables, an entry a line)

from collections.abc import Mapping

from tests.packaging.deploy.scene import (
    CLOSED,
    COMMITTED,
    DEAD_LETTERED,
    DELIVERED,
    EXPIRES_AT,
    GRANTED,
    HALF_OPEN,
    LAG,
    LATE,
    NO_REGISTRY,
    NOT_GRANTED,
    NOT_RELOADED,
    OLDEST_LETTER,
    ON_TIME,
    OPEN,
    OPEN_SINCE,
    REST,
    STALLED,
    STRANGER,
    TIMELESS,
    UNDECODED,
    UNREADABLE,
    UNUSABLE,
    VALID_FROM,
    WELL,
    WITHHELD,
    Process,
    Scene,
    Values,
    alert,
    rising,
    steps,
)

CRM = {"destination": "crm"}
ERP = Process("erp", "pod-9:8080")
"""Another destination, which works well: it has to be left out of everything."""
SILENT: Mapping[str, None] = dict.fromkeys(WELL)
"""No series at all."""
NO_PARTITION: Mapping[str, float | None] = {
    **dict.fromkeys((LAG, LATE, COMMITTED, UNREADABLE, OPEN_SINCE)),
    "assigned_partitions": 0,
}
FIRST = {"topic": "events", "partition": "0"}
POD = {"instance": "pod-0:8080"}
NEVER = dict.fromkeys(range(5, 76, 5), ())
ASSIGNED, FAILED = 'rebalances_total{kind="assigned"}', 'commits_total{result="failed"}'
YIELDED = 'connections_closed_total{reason="yielded"}'
MISSED = 'records_missed_total{topic="events"}'

Courses = Mapping[str, Values | float | None]

ENDPOINT_DOWN = alert("EndpointDown", "critical", **CRM)
LATE_EVENTS = alert("LagSecondsHigh", "warning", **CRM)
NO_PROGRESS = alert("NoProgress", "critical", **CRM)
STUCK = alert("PartitionStuck", "warning", **CRM, **FIRST)
TORN = alert("PartitionUnreadable", "critical", **CRM, **FIRST)
UNKNOWN_TO_IT = alert("CredentialsRefused", "critical", **CRM)
NOT_RENEWED = alert("CredentialsNotRenewed", "warning", **CRM)
EXPIRING = alert("CertificateExpires", "warning", **CRM)
HELD = alert("EventsHeld", "warning", **CRM)
SCHEMAS = alert("SchemaRegistryFailing", "critical", **CRM)
HELD_BACK = alert("TransactionOpen", "warning", **CRM, **FIRST)
GROWING = alert("LagGrowing", "warning", **CRM)
NOT_A_MEMBER = alert("NoMember", "critical", **CRM)
UNKNOWN = alert("LagUnknown", "warning", **CRM)
DEAD_LETTERS = alert("DeadLetterRate", "warning", **CRM)
LOSS = alert("RecordsMissed", "critical", topic="events", **CRM)
FORGOTTEN = alert("LettersForgotten", "info", **CRM)
BLOCKED = alert("DeadLetterWriteFailing", "critical", **CRM)
UNREPORTED = alert("ReportWriteFailing", "critical", **CRM)
UNTOLD = alert("ReportsLost", "warning", **CRM)
LOST_REPORTS = 'delivery_reports_total{result="failed"}'
BURN = {
    "14.4": alert("ErrorBudgetBurn", "critical", burn="14.4", **CRM),
    "6": alert("ErrorBudgetBurn", "critical", burn="6", **CRM),
    "3": alert("ErrorBudgetBurn", "warning", burn="3", **CRM),
    "1": alert("ErrorBudgetBurn", "warning", burn="1", **CRM),
}


NO_MEMBER: Courses = {"member": steps((0, 1), (10, 0)), "ready": steps((0, 1), (10, 0))}


def backlog(since: int, until: int) -> dict[str, Values | float]:
    """Nothing is settled for a while; then what waited is delivered ten times as fast as it came."""

    def settled(minute: int) -> float:
        if minute < since:
            return 100 * minute
        return 100 * since if minute < until else min(100 * minute, 100 * since + 1000 * (minute - until))

    def waiting(minute: int) -> float:
        return 100 * minute - settled(minute)

    def on_time(minute: int) -> float:
        late = (settled(m + 1) - settled(m) for m in range(until, minute) if waiting(m) > 500)
        return settled(minute) - sum(late)

    return {
        LAG: lambda minute: waiting(minute) + 4,
        LATE: lambda minute: waiting(minute) / 100 * 60 + 1,
        ON_TIME: on_time,
        DELIVERED: settled,
        COMMITTED: settled,
    }


def outage(since: int, until: int) -> dict[str, Values | float]:
    """The endpoint is down for a while."""
    return {
        **backlog(since, until),
        CLOSED: steps((0, 1), (since, 0), (until, 1)),
        OPEN: steps((0, 0), (since, 1), (until, 0)),
    }


def bad(course: str, share: float, per_minute: float = 100) -> dict[str, Values | float]:
    """A share of the events becomes a dead letter, or is delivered late."""
    dead = share * per_minute if course == DEAD_LETTERED else 0.0
    return {
        DELIVERED: rising(per_minute - dead),
        ON_TIME: rising(per_minute - share * per_minute),
        DEAD_LETTERED: rising(dead),
    }


def replaced(born: int, gone: int, serial: int) -> Process:
    """One of three processes, before or after a rolling restart that begins at minute 20."""
    unrest = max(0, 20 - born)
    but: Courses = {
        "up": steps((0, 0), (2, 1)) if born else 1,
        "ready": steps((0, 0), (3, 1)) if born else 1,
        ASSIGNED: steps((0, 1), (unrest, rising(1, 1)), (unrest + 15, 16)),
        FAILED: steps((0, 0), (unrest, rising(5)), (unrest + 15, 75)),
    }
    share = {} if serial % 3 == 0 else NO_PARTITION
    return Process(instance=f"pod-{serial}:8080", born=born, gone=gone, but={**but, **share})


ROLLOUT = [(0, 20), (0, 25), (0, 30), (21, 1000), (26, 1000), (31, 1000)]

AT_PEACE = [
    Scene("a quiet topic", [Process(but=REST), ERP], NEVER),
    Scene("a busy topic", [Process(), Process(instance="pod-1:8080", but=NO_PARTITION), ERP], NEVER),
    Scene(
        "a rolling restart",
        [replaced(*life, serial) for serial, life in enumerate(ROLLOUT)] + [ERP],
        dict.fromkeys(range(20, 90, 2), ()),
    ),
    Scene(
        "an outage of four minutes",
        [Process(but=outage(20, 24)), ERP],
        dict.fromkeys(range(20, 90, 2), ()),
    ),
    Scene(
        "events without a timestamp",
        [Process(but={ON_TIME: 0, TIMELESS: rising(100)}), ERP],
        NEVER,
    ),
    Scene("five late events and three dead letters on a topic with hardly any", [
        Process(but={DELIVERED: steps((0, 10), (30, 20)), DEAD_LETTERED: steps((0, 0), (30, 3)), ON_TIME: steps((0, 10), (30, 15)), COMMITTED: steps((0, 10), (30, 23)), LAG: 0, LATE: 0}),
        ERP,
    ], dict.fromkeys(range(30, 60), ())),
]  # fmt: skip

PROCESSES = [
    Scene(
        "a destination of which the only process is gone, for an hour",
        [Process(gone=20), ERP],
        {24: (), 26: [alert("Down", "critical", **CRM)], 75: [alert("Down", "critical", **CRM)], 90: ()},
    ),
    Scene(
        "two workers that end with their supervisor",
        [Process(worker="0", gone=20), Process(worker="1", gone=20, but=NO_PARTITION), ERP],
        {24: (), 26: [alert("Down", "critical", **CRM)]},
        says=["Down"],
    ),
    Scene(
        "targets that never answered",
        [Process(but={**SILENT, "up": 0})],
        {4: (), 6: [alert("Down", "critical"), alert("InstanceDown", "warning", **POD)]},
    ),
    Scene(
        "no target at all",
        [Process(but={**SILENT, "up": 1}, gone=20)],
        {20: (), 24: (), 31: [alert("Down", "critical")]},
    ),
    Scene(
        "one of two processes that does not answer while the other goes on",
        [
            Process(but={"up": None}, gone=20),
            Process(but={**SILENT, "up": steps((0, 1), (20, 0), (40, 1))}),
            Process(instance="pod-1:8080", but={LAG: 4}),
            ERP,
        ],
        {24: (), 26: [alert("InstanceDown", "warning", **POD)], 41: ()},
    ),
    Scene(
        "a process that does not answer, in words",
        [Process(but={**SILENT, "up": 0}), ERP],
        {6: [alert("InstanceDown", "warning", **POD)]},
        says=["InstanceDown"],
    ),
    Scene(
        "a worker that is not ready, beside one that is",
        [
            Process(worker="0"),
            Process(worker="1", but={**NO_PARTITION, "ready": steps((0, 1), (10, 0), (30, 1))}),
            ERP,
        ],
        {14: (), 16: [alert("NotReady", "warning", **CRM, **POD, worker="1")], 31: ()},
    ),
    Scene(
        "a process that is not ready, in words",
        [Process(but={**NO_PARTITION, "ready": 0}), ERP],
        {6: [alert("NotReady", "warning", **CRM, **POD)]},
        says=["NotReady"],
    ),
    Scene(
        "brokers that are away for an hour: what was read last is still shown",
        [Process(but={**backlog(10, 70), **NO_MEMBER}), Process(instance="pod-1:8080", but={**REST, **NO_PARTITION, **NO_MEMBER}), ERP],
        {12: (), 14: [NOT_A_MEMBER], 24: [NOT_A_MEMBER], 26: [NOT_A_MEMBER, LATE_EVENTS], 69: [NOT_A_MEMBER, LATE_EVENTS]},
    ),
    Scene(
        "a group that nobody can join, in words",
        [Process(but={**NO_PARTITION, "ready": 0, "member": 0}), ERP],
        {2: (), 4: [NOT_A_MEMBER]},
        says=["NoMember"],
    ),
    Scene(
        "a process that was thrown out while another took its partition over",
        [Process(but={**REST, "member": 0, "ready": 0, "assigned_partitions": 0, LAG: 500, LATE: rising(60)}), Process(instance="pod-1:8080"), ERP],
        {4: (), 6: [alert("NotReady", "warning", **CRM, **POD)], 60: [alert("NotReady", "warning", **CRM, **POD)]},
    ),
    Scene(
        "brokers that do not tell where a partition ends",
        [Process(but={LAG: steps((0, 4), (10, lambda _: None), (40, 4)), "assigned_partitions": 1}), ERP],
        {19: (), 21: [UNKNOWN], 39: [UNKNOWN], 41: ()},
    ),
    Scene(
        "one of three partitions of which the end is not told, in words",
        [Process(but={"assigned_partitions": 2}), Process(instance="pod-1:8080", but={'lag_records{topic="events",partition="1"}': 4, LAG: None}), ERP],
        {9: (), 11: [UNKNOWN]},
        says=["LagUnknown"],
    ),
    Scene(
        "a process that says by its readiness that the endpoint is down",
        [Process(but={**outage(10, 20), "ready": steps((0, 1), (10, 0), (20, 1))}), ERP],
        {14: (), 16: [ENDPOINT_DOWN], 19: [ENDPOINT_DOWN], 21: ()},
    ),
    Scene(
        "a worker that ends again and again",
        [
            Process(worker="0", but={"worker_restarts_total": 0, "worker_answered": 1}),
            Process(
                worker="1",
                but={**NO_PARTITION, "worker_restarts_total": steps((0, 0), (10, rising(1)), (20, 10)), "worker_answered": 1},
            ),
            ERP,
        ],
        {12: (), 22: [alert("WorkerFailing", "warning", **CRM, **POD, worker="1")], 60: ()},
    ),
    Scene(
        "a worker that does not answer",
        [
            Process(worker="0", but={"worker_restarts_total": 0, "worker_answered": 1}),
            Process(worker="1", but={**SILENT, "worker_restarts_total": 0, "worker_answered": steps((0, 1), (10, 0))}),
            ERP,
        ],
        {14: (), 16: [alert("WorkerFailing", "warning", **CRM, **POD, worker="1")]},
        says=["WorkerFailing"],
    ),
    Scene(
        "a worker that was started again once",
        [Process(worker="0", but={"worker_restarts_total": steps((0, 0), (10, 1)), "worker_answered": 1})],
        NEVER,
    ),
    Scene(
        "a group that does not come to rest",
        [Process(but={ASSIGNED: steps((0, 1), (10, rising(2)), (60, 100))}), ERP],
        {30: (), 40: [alert("RebalanceStorm", "warning", **CRM)], 75: ()},
    ),
    Scene(
        "the same in words",
        [Process(worker="0", but={ASSIGNED: rising(2)}), Process(worker="1", but=NO_PARTITION)],
        {20: (), 40: [alert("RebalanceStorm", "warning", **CRM)]},
        says=["RebalanceStorm"],
    ),
    Scene(
        "six processes that each see a change every three minutes",
        [Process(instance=f"pod-{n}:8080", but={**(NO_PARTITION if n else {}), ASSIGNED: rising(1 / 3)}) for n in range(6)],
        {60: ()},
    ),
    Scene(
        "commits that fail for a while, beside one worker in two of another destination",
        [
            Process(but={'commits_total{result="acknowledged"}': steps((0, rising(60)), (10, 600), (40, rising(60, 600))), FAILED: steps((0, 0), (10, rising(20)), (40, 600))}),
            Process("erp", "pod-9:8080", worker="0"),
            Process("erp", "pod-9:8080", worker="1", but={**NO_PARTITION, FAILED: rising(20)}),
        ],
        {14: (), 24: [alert("CommitFailures", "warning", **CRM)], 60: ()},
    ),
    Scene(
        "commits that are not answered",
        [Process(but={'commits_total{result="acknowledged"}': 600, 'commits_total{result="unanswered"}': rising(2)})],
        {4: (), 22: [alert("CommitFailures", "warning", **CRM)]},
        says=["CommitFailures"],
    ),
    Scene(
        "every request in flight is used while events are late, and while they are not",
        [
            Process(but={"in_flight": 63, LATE: steps((0, 1), (10, 120), (60, 1))}),
            Process("erp", "pod-9:8080", but={"in_flight": 64}),
        ],
        {24: (), 30: [alert("Saturated", "info", **CRM, **POD)], 61: ()},
    ),
    Scene(
        "an endpoint has fewer workers than connections for half an hour",
        [Process(but={YIELDED: lambda minute: 2 * max(0, min(minute, 40) - 10)}), ERP],
        {14: (), 18: (), 40: [alert("FewWorkers", "info", **CRM)]},
        says=["FewWorkers"],
    ),
    Scene(
        "one worker uses its core while events are late",
        [
            Process(worker="0", but={"process_cpu_seconds_total": rising(58), LATE: 90}),
            Process(worker="1", but=NO_PARTITION),
            ERP,
        ],
        {14: (), 30: [alert("Saturated", "info", **CRM, **POD, worker="0")]},
        says=["Saturated"],
    ),
    Scene(
        "requests that hang for ever until the endpoint is taken to be down",
        [Process(but={**outage(10, 31), "in_flight": 64})],
        {27: [ENDPOINT_DOWN, LATE_EVENTS], 30: [ENDPOINT_DOWN, LATE_EVENTS]},
    ),
]  # fmt: skip

MOVING = [
    Scene(
        "an endpoint that is down for an hour and comes back",
        [Process(but=outage(20, 80)), ERP],
        {24: (), 26: [ENDPOINT_DOWN], 40: [ENDPOINT_DOWN, LATE_EVENTS], 79: [ENDPOINT_DOWN, LATE_EVENTS], 81: [LATE_EVENTS], 86: [BURN["14.4"], LATE_EVENTS], 100: [BURN["6"]], 125: ()},
    ),
    Scene(
        "one worker of two finds the endpoint down or half open all the time",
        [
            Process(worker="0"),
            Process(
                worker="1",
                but={**NO_PARTITION, CLOSED: 0, OPEN: lambda minute: minute % 2, HALF_OPEN: lambda minute: 1 - minute % 2},
            ),
            ERP,
        ],
        {4: (), 6: [ENDPOINT_DOWN], 60: [ENDPOINT_DOWN]},
        says=["EndpointDown"],
    ),
    Scene(
        "an endpoint that does not take our token for an hour, which is told once",
        [Process(but={**outage(20, 80), STRANGER: steps((0, 0), (20, 1), (80, 0))}), ERP],
        {21: (), 23: [UNKNOWN_TO_IT], 40: [UNKNOWN_TO_IT, LATE_EVENTS], 79: [UNKNOWN_TO_IT, LATE_EVENTS], 81: [LATE_EVENTS]},
    ),
    Scene(
        "an endpoint that does not take our token, in words",
        [Process(but={STRANGER: 1, OPEN: 1, CLOSED: 0}), ERP],
        {1: (), 3: [UNKNOWN_TO_IT], 8: [UNKNOWN_TO_IT]},
        says=["CredentialsRefused"],
    ),
    Scene(
        "a token endpoint that refuses us for half an hour, and then does no more",
        [Process(but={NOT_GRANTED: lambda m: min(max(0, m - 20), 30) * 2, GRANTED: steps((0, 1), (51, 2))}), ERP],
        {24: (), 28: [NOT_RENEWED], 50: [NOT_RENEWED], 53: ()},
    ),
    Scene(
        "a token that is granted at the second try",
        [Process(but={NOT_GRANTED: steps((0, 0), (20, 1)), GRANTED: steps((0, 1), (21, 2))}), ERP],
        NEVER,
    ),
    Scene(
        "a file that changed into what cannot be used",
        [Process(but={NOT_RELOADED: steps((0, 0), (20, 1))}), ERP],
        {24: (), 27: [NOT_RENEWED], 48: [NOT_RENEWED], 52: ()},
    ),
    Scene(
        "what is not renewed, in words",
        [Process(but={NOT_RELOADED: steps((0, 0), (20, 1))}), ERP],
        {24: (), 30: [NOT_RENEWED]},
        says=["CredentialsNotRenewed"],
    ),
    Scene(
        "a certificate that nobody renews, and one that is renewed in time",
        [
            Process(but={EXPIRES_AT: steps((0, 6000), (95, 12000)), VALID_FROM: steps((0, 0), (95, 5700))}),
            Process("erp", "pod-1:8080", but={EXPIRES_AT: steps((0, 6000), (70, 12000)), VALID_FROM: steps((0, 0), (70, 4200))}),
        ],
        {79: (), 86: [EXPIRING], 94: [EXPIRING], 96: ()},
    ),
    Scene(
        "a certificate near its end, in words",
        [Process(but={EXPIRES_AT: 1000, VALID_FROM: 0}), ERP],
        {12: (), 13: (), 15: (), 16: (), 19: [EXPIRING]},
        says=["CertificateExpires"],
    ),
    Scene(
        "dead letters that nobody brings back for two days, seen by two processes, until somebody does",
        [Process(instance=f"pod-{n}:8080", but={**share, "letters_open": 7, OLDEST_LETTER: steps((0, rising(60, 172_000)), (50, 100))}) for n, share in enumerate(({}, NO_PARTITION))],
        {27: (), 31: [FORGOTTEN], 49: [FORGOTTEN], 51: ()},
    ),
    Scene(
        "a dead letter that nobody brings back, in words",
        [Process(but={OLDEST_LETTER: 200_000}), ERP],
        {14: (), 16: [FORGOTTEN]},
        says=["LettersForgotten"],
    ),
    Scene(
        "events come and none is settled",
        [Process(but=STALLED), ERP],
        {9: (), 12: (), 16: [NO_PROGRESS, LATE_EVENTS], 34: [NO_PROGRESS, LATE_EVENTS, STUCK], 60: [NO_PROGRESS, LATE_EVENTS, STUCK, GROWING]},
        says=["NoProgress"],
    ),
    Scene(
        "one that is never settled, and no others come",
        [Process(but={**REST, LAG: steps((0, 0), (10, 1)), LATE: steps((0, 0), (10, rising(60)))}), ERP],
        {24: [], 26: [NO_PROGRESS, LATE_EVENTS], 45: [NO_PROGRESS, LATE_EVENTS, STUCK]},
    ),
    Scene(
        "what is settled beyond a slow event is progress, though no position moves",
        [Process(but={COMMITTED: 100, LAG: rising(0.001, 4)}), ERP],
        {14: (), 20: [STUCK], 40: [STUCK]},
    ),
    Scene(
        "positions move over what was settled in another process",
        [Process(but={DELIVERED: 5000, ON_TIME: 5000}), ERP],
        NEVER,
    ),
    Scene(
        "a lag that is small and grows by one record in two minutes",
        [Process(but={LAG: rising(0.5), LATE: steps((0, 5), (20, 15))}), ERP],
        {30: (), 34: (), 60: [GROWING], 90: [GROWING]},
        says=["LagGrowing"],
    ),
    Scene(
        "the same where nobody knows how late it is",
        [Process(but={LAG: rising(0.5), LATE: None}), ERP],
        {34: (), 60: [GROWING]},
    ),
    Scene(
        "more traffic, more records under way, none of them late",
        [Process(but={LAG: rising(20), LATE: 4}), ERP],
        NEVER,
    ),
    Scene(
        "a large lag that rises and falls",
        [Process(but={LAG: lambda minute: 5000 + 1000 * (minute % 30), LATE: 120}), ERP],
        NEVER,
    ),
    Scene(
        "four and a half minutes late, and seven minutes late for nine minutes",
        [Process(but={LATE: steps((0, 270), (30, 420), (39, 270))}), ERP],
        NEVER,
    ),
    Scene(
        "seven minutes late",
        [Process(but={LATE: steps((0, 270), (30, 420), (60, 1))}), ERP],
        {39: (), 41: [LATE_EVENTS], 59: [LATE_EVENTS], 61: ()},
    ),
    Scene("eighty minutes late, in words", [Process(but={LATE: 5025}), ERP], {15: [LATE_EVENTS]}, says=["LagSecondsHigh"]),
    Scene(
        "one partition of two that stands still",
        [
            Process(
                but={
                    'lag_records{topic="events",partition="1"}': steps((0, 0), (10, 7), (60, 0)),
                    'committed_offset{topic="events",partition="1"}': steps((0, 10), (60, 17)),
                }
            ),
            Process("erp", "pod-9:8080", but={LAG: 7, COMMITTED: lambda minute: minute // 14}),
        ],
        {38: (), 42: [STUCK | {"partition": "1"}], 59: [STUCK | {"partition": "1"}], 61: ()},
    ),
    Scene(
        "a batch that cannot be read, and is read in the end",
        [Process(but={**STALLED, DELIVERED: rising(100), ON_TIME: rising(100), LATE: 1, LAG: 7, UNREADABLE: steps((0, 0), (10, 1), (50, 0))}), ERP],
        {11: (), 13: [TORN], 49: [TORN], 51: ()},
    ),
    Scene(
        "a batch that cannot be read, in words, and for a moment",
        [Process(but={UNREADABLE: 1, "ready": 0}), Process("erp", "pod-9:8080", but={UNREADABLE: steps((0, 0), (5, 1), (6, 0))})],
        {1: (), 7: [TORN]},
        says=["PartitionUnreadable"],
    ),
    Scene(
        "events that are held for want of deliveries while others go on, until they are paid for",
        [
            Process(but={WITHHELD: steps((0, 0), (10, 40), (50, 0))}),
            Process("erp", "pod-9:8080", but={WITHHELD: lambda minute: float(minute % 8 > 0)}),
        ],
        {19: (), 21: [HELD], 49: [HELD], 51: ()},
    ),
    Scene(
        "a schema registry that is away, and one that fails while nobody needs it, or has not what is asked for",
        [
            Process(but={UNDECODED: steps((0, 0), (10, 2), (40, 0)), NO_REGISTRY: steps((0, 0), (10, rising(3)), (40, 90))}),
            Process("erp", "pod-9:8080", but={NO_REGISTRY: rising(3)}),
            Process("hrm", "pod-8:8080", but={UNDECODED: 1}),
        ],
        {14: (), 17: [SCHEMAS], 39: [SCHEMAS], 41: ()},
    ),
    Scene(
        "a schema registry that is away, in words",
        [Process(but={UNDECODED: 2, NO_REGISTRY: rising(3)}), ERP],
        {4: (), 8: [SCHEMAS]},
        says=["SchemaRegistryFailing"],
    ),
    Scene(
        "nearly nothing on a topic can be used, in words",
        [Process(but={UNUSABLE: 30, WITHHELD: 4}), ERP],
        {9: (), 11: [HELD]},
        says=["EventsHeld"],
    ),
    Scene(
        "a transaction that stays open for forty minutes, while others last four",
        [
            Process(but={OPEN_SINCE: steps((0, 2), (10, rising(60)), (50, 2))}),
            Process("erp", "pod-9:8080", but={OPEN_SINCE: lambda minute: 60.0 * (minute % 5)}),
        ],
        {19: (), 22: [HELD_BACK], 49: [HELD_BACK], 51: ()},
    ),
    Scene(
        "a transaction that is open, in words",
        [Process(but={OPEN_SINCE: rising(60)}), ERP],
        {8: (), 12: [HELD_BACK]},
        says=["TransactionOpen"],
    ),
    Scene(
        "a partition that moves from process to process and stands still in each for ten minutes",
        [
            Process(born=born, gone=born + 10, instance=f"pod-{born}:8080", but={COMMITTED: 7 + born, LAG: 7})
            for born in range(0, 60, 10)
        ],
        dict.fromkeys(range(0, 60, 5), ()),
    ),
    Scene(
        "a partition that moves from process to process and stands still in all of them",
        [
            Process(born=born, gone=born + 10, instance=f"pod-{born}:8080", but={COMMITTED: 7, LAG: 7})
            for born in range(0, 60, 10)
        ],
        {12: (), 35: [STUCK], 59: [STUCK]},
        says=["PartitionStuck"],
    ),
]  # fmt: skip

EVENTS = [
    Scene(
        "records that retention deleted, the first that this process saw",
        [Process(but={MISSED: lambda minute: 30.0 if minute >= 10 else None}), ERP],
        {9: (), 10: [LOSS], 60: [LOSS], 75: ()},
    ),
    Scene(
        "records that retention deleted, more of them",
        [Process(but={MISSED: steps((0, 30), (80, 90))}), Process("erp", "pod-9:8080", but={MISSED: 30})],
        {65: (), 79: (), 81: [LOSS]},
        says=["RecordsMissed"],
    ),
    Scene(
        "dead letters that cannot be written",
        [Process(but={"dead_letters_blocked": steps((0, 0), (10, 3), (30, 0)), "ready": steps((0, 1), (10, 0), (30, 1))}), ERP],
        {11: (), 13: [BLOCKED], 29: [BLOCKED], 31: ()},
    ),
    Scene(
        "the same in two workers, in words",
        [Process(worker="0", but={"dead_letters_blocked": 2}), Process(worker="1", but={**NO_PARTITION, "dead_letters_blocked": 1})],
        {10: [BLOCKED]},
        says=["DeadLetterWriteFailing"],
    ),
    Scene(
        "dead letters that cannot be written for a minute",
        [Process(but={"dead_letters_blocked": lambda minute: int(minute % 10 < 2)})],
        dict.fromkeys(range(60), ()),
    ),
    Scene(
        "required reports that cannot be written",
        [Process(but={"delivery_reports_blocked": steps((0, 0), (10, 3), (30, 0)), "ready": steps((0, 1), (10, 0), (30, 1)), LOST_REPORTS: steps((0, 0), (10, rising(5)), (30, 100))}), ERP],
        {11: (), 13: [UNREPORTED], 29: [UNREPORTED], 39: (), 47: ()},
    ),
    Scene(
        "the same, in words",
        [Process(but={"delivery_reports_blocked": 3}), ERP],
        {10: [UNREPORTED]},
        says=["ReportWriteFailing"],
    ),
    Scene(
        "reports that are lost, for long, and for a minute",
        [Process(but={LOST_REPORTS: steps((0, 0), (10, rising(5)), (30, 100))}), Process("erp", "pod-9:8080", but={LOST_REPORTS: steps((0, 0), (10, 30))})],
        {19: (), 24: [UNTOLD], 35: [UNTOLD], 45: ()},
    ),
    Scene(
        "reports that are lost, in words",
        [Process(but={LOST_REPORTS: rising(5)}), ERP],
        {40: [UNTOLD]},
        says=["ReportsLost"],
    ),
    Scene(
        "every fiftieth event becomes a dead letter",
        [Process(but=bad(DEAD_LETTERED, 0.02)), Process("erp", "pod-9:8080", but=bad(DEAD_LETTERED, 0.005))],
        {2: (), 20: [DEAD_LETTERS], 30: [DEAD_LETTERS]},
        says=["DeadLetterRate"],
    ),
    Scene(
        "every fifth event becomes a dead letter, for twenty minutes",
        [Process(but={DELIVERED: steps((0, rising(100)), (10, rising(80, 1000)), (30, rising(100, 2600))), DEAD_LETTERED: steps((0, 0), (10, rising(20)), (30, 400)), ON_TIME: steps((0, rising(100)), (10, rising(80, 1000)), (30, rising(100, 2600)))}), ERP],
        {10: (), 12: (), 29: [DEAD_LETTERS], 47: [BURN["6"]]},
    ),
    Scene(
        "one late event in five",
        [Process(but=bad(ON_TIME, 0.2)), Process("erp", "pod-9:8080", but=bad(ON_TIME, 0.009))],
        {2: (), 10: [BURN["14.4"]], 30: [BURN["14.4"], BURN["6"]], 80: [BURN["14.4"], BURN["6"], BURN["3"]], 200: list(BURN.values())},
        says=["ErrorBudgetBurn"],
    ),
    Scene(
        "one late event in ten",
        [Process(but=bad(ON_TIME, 0.1)), ERP],
        {14: (), 30: [BURN["6"]], 80: [BURN["6"], BURN["3"]]},
    ),
    Scene(
        "one late event in twenty-five",
        [Process(but=bad(ON_TIME, 0.04)), ERP],
        {58: (), 80: [BURN["3"]]},
    ),
    Scene("one late event in seventy", [Process(but=bad(ON_TIME, 1 / 70)), ERP], {170: (), 200: [BURN["1"]]}),
    Scene(
        "five hours are good, then two events in five are late for half an hour",
        [Process(but={ON_TIME: steps((0, rising(100)), (300, rising(60, 30_000)), (330, rising(100, 31_800)))}), ERP],
        {300: (), 328: [BURN["14.4"]], 340: ()},
    ),
    Scene(
        "workers of one destination are judged together",
        [
            Process(worker="0", but=bad(ON_TIME, 0.2, 10)),
            Process(worker="1", but=NO_PARTITION),
            Process(worker="2", but=NO_PARTITION),
        ],
        {14: (), 60: (), 100: ()},
    ),
]  # fmt: skip

ALL = [*AT_PEACE, *PROCESSES, *MOVING, *EVENTS]
