"""Topics that cannot be read are named until they can."""

from processor.core.group.denied import Denied
from processor.model import Acknowledged, Assigned, Received, SourceEvent, Troubled
from tests.support.builders import FIRST, record

DENIED_EVENTS = Troubled("TOPIC_AUTHORIZATION_FAILED", "Broker: Topic authorization failed", "events")
MISSING = Troubled("UNKNOWN_TOPIC_OR_PART", "Broker: Unknown topic or partition", "orders")


def heard(*events: SourceEvent) -> Denied:
    """What is known after these."""
    unreadable = Denied()
    for event in events:
        unreadable.heard(event)
    return unreadable


def test_each_is_named_with_a_remedy() -> None:
    assert heard().fault() is None
    assert heard(MISSING, DENIED_EVENTS).fault() == (
        "events may not be read: grant Read on it; "
        "orders is not there, or may not be seen: create it, or grant Read on it"
    )


def test_what_is_about_no_topic_or_no_right_is_held_against_none() -> None:
    assert not heard(
        Troubled("TOPIC_AUTHORIZATION_FAILED", "x"), Troubled("_TRANSPORT", "x", "events")
    ).topics


def test_what_is_read_or_committed_can_be_read() -> None:
    for proof in (Received([record()], {}), Received((), {FIRST: 3}), Acknowledged([FIRST])):
        unreadable = heard(DENIED_EVENTS, MISSING)
        unreadable.heard(Assigned(1, {FIRST: None}))
        assert set(unreadable.topics) == {"events", "orders"}
        unreadable.heard(proof)
        assert set(unreadable.topics) == {"orders"}
    assert not heard(Acknowledged([FIRST]), Received((), {FIRST: 3})).topics


def test_a_topic_that_is_there_may_still_be_denied_to_those_who_read_it() -> None:
    unreadable = heard(DENIED_EVENTS, MISSING)
    unreadable.seen((), ())
    assert set(unreadable.topics) == {"events", "orders"}
    unreadable.seen(("events", "orders"), ours=("events", "orders"))
    assert set(unreadable.topics) == {"events"}
    unreadable.seen(("events",), ours=())
    assert unreadable.fault() is None
