"""A setting about the group's first start is about no later one."""

import re

import pytest

from processor.core.progress.start import PATTERN, Begin, Edge, Group, StartPolicy, begin, policy_of, since

NOW = 1_795_000_000.0
NEW_GROUP, OLD_GROUP, UNMARKED = Group(False), Group(True, 5.0), Group(True)


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("earliest", StartPolicy("earliest")),
        ("latest", StartPolicy("latest")),
        ("error", StartPolicy("error")),
        ("90s", StartPolicy(before=90.0)),
        ("5m", StartPolicy(before=300.0)),
        ("2h", StartPolicy(before=7200.0)),
        ("7d", StartPolicy(before=604_800.0)),
        ("1970-01-01T00:01:00Z", StartPolicy(at=60.0)),
        ("1970-01-01T01:01:00+01:00", StartPolicy(at=60.0)),
    ],
)
def test_what_the_setting_says(text: str, policy: StartPolicy) -> None:
    assert policy_of(text) == policy
    assert re.search(PATTERN, text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "none of earliest"),
        ("newest", "none of earliest"),
        ("2 weeks", "none of earliest"),
        ("-2h", "none of earliest"),
        ("2026-13-01T00:00:00Z", "none of earliest"),
        ("2026-11-27T00:00:00", "no time zone"),
    ],
)
def test_what_it_cannot_say(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        policy_of(text)


@pytest.mark.parametrize("is_new", [True, False])
@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("earliest", Edge.START),
        ("latest", Edge.END),
        ("error", None),
        ("2h", NOW - 7200.0),
        ("1970-01-01T00:01:00Z", 60.0),
    ],
)
def test_when_the_group_starts_it_is_as_the_setting_says(setting: str, expected: Begin, is_new: bool) -> None:
    assert begin(policy_of(setting), NEW_GROUP, is_new=is_new, now=NOW) == expected


@pytest.mark.parametrize("setting", ["earliest", "latest", "error", "2h", "1970-01-01T00:01:00Z"])
def test_what_appears_later_begins_at_its_start(setting: str) -> None:
    for group in (OLD_GROUP, UNMARKED):
        assert begin(policy_of(setting), group, is_new=True, now=NOW) == Edge.START


@pytest.mark.parametrize("setting", ["latest", "error", "2h", "1970-01-01T00:01:00Z"])
def test_what_may_have_been_there_begins_where_the_group_did(setting: str) -> None:
    assert begin(policy_of(setting), OLD_GROUP, is_new=False, now=NOW) == 5.0
    unmarked = begin(policy_of(setting), UNMARKED, is_new=False, now=NOW)
    assert unmarked == (None if setting == "error" else Edge.START)


def test_a_group_that_reads_from_the_beginning_of_time_begins_at_the_start() -> None:
    assert begin(policy_of("error"), Group(True, 0.0), is_new=False, now=NOW) == Edge.START


def test_a_process_that_has_not_committed_yet_does_not_start_a_second_time() -> None:
    begun = Group(False, 5.0)
    assert begin(policy_of("latest"), begun, is_new=False, now=NOW) == 5.0
    assert begin(policy_of("latest"), begun, is_new=True, now=NOW) == Edge.START


@pytest.mark.parametrize(
    ("setting", "group", "expected"),
    [
        ("earliest", NEW_GROUP, None),
        ("earliest", OLD_GROUP, 5.0),
        ("latest", NEW_GROUP, NOW),
        ("latest", OLD_GROUP, 5.0),
        ("latest", UNMARKED, 0.0),
        ("error", UNMARKED, None),
        ("error", UNMARKED._replace(is_complete=True), 0.0),
        ("error", NEW_GROUP, None),
        ("2h", NEW_GROUP, NOW - 7200.0),
        ("2h", UNMARKED, 0.0),
        ("1970-01-01T00:01:00Z", NEW_GROUP, 60.0),
    ],
)
def test_from_when_on_the_group_reads_is_kept(setting: str, group: Group, expected: float | None) -> None:
    assert since(policy_of(setting), group, NOW) == expected
