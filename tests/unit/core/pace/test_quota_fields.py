"""Whatever header fields say of a quota: what is left until when, or nothing."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from processor.core.pace.quota_fields import quota
from processor.model import Headers, Quota

NOW = 1_700_000_000.0


def old(remaining: str, reset: str) -> Headers:
    return (("ratelimit-remaining", remaining), ("ratelimit-reset", reset))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ((("ratelimit", '"default";r=50;t=30'),), Quota(50, 30.0)),
        ((("ratelimit", "default ; t=30 ; r=50"),), Quota(50, 30.0)),
        ((("ratelimit", '"a;r=1;t=9";r=50;t=30;pk=:Y2Q=:'),), Quota(50, 30.0)),
        ((("ratelimit", '"burst";r=9;t=10, "day";r=100;t=5000'),), Quota(100, 5000.0)),
        ((("ratelimit", '"burst";r=0;t=10, "day";r=0;t=5000'),), Quota(0, 5000.0)),
        ((("ratelimit", '"burst";r=9, "day";r=100;t=5000'),), Quota(100, 5000.0)),
        ((("ratelimit", "limit=100, remaining=50, reset=30"),), Quota(50, 30.0)),
        (old("50", "30"), Quota(50, 30.0)),
        (old("50, 50;w=60", "30"), Quota(50, 30.0)),
        (old("0", "12.5"), Quota(0, 12.5)),
        (old("4998.0", str(int(NOW) + 3600)), Quota(4998, 3600.0)),
        (old("1", f"{NOW + 60.5}"), Quota(1, 60.5)),
        (old("1", str(int(NOW + 60) * 1000)), Quota(1, 60.0)),
        (old("7", "30") + old("8", "40"), Quota(7, 30.0)),
        ((("ratelimit", '"default";r=50'), *old("50", "30")), Quota(50, 30.0)),
    ],
)
def test_each_form_is_read(fields: Headers, said: Quota) -> None:
    assert quota(fields, NOW) == said


@pytest.mark.parametrize(
    "fields",
    [
        (),
        (("ratelimit", '"default";r=50;t=2'),),
        (("ratelimit", '"default";q=50;w=30'),),
        (("ratelimit", "remaining=, reset=30"),),
        (("ratelimit", "unlimited"),),
        old("50", ""),
        old("", "30"),
        old("-1", "30"),
        old("50", "-30"),
        old("many", "30"),
        old("0x10", "30"),
        old("50", "soon"),
        old("50", "1e3"),
        old("50", "0"),
        old("50", str(int(NOW) - 5)),
        old("50", "500000000"),
        old("50", "500000000000"),
        old("50", "999999999999999"),
        old("50", "9" * 100),
        old("9" * 100, "30"),
        old("50", "Tue, 14 Nov 2023 22:14:20 GMT"),
        (("ratelimit-remaining", "50"),),
    ],
)
def test_what_is_none_of_them_or_is_renewed_at_once_says_nothing(fields: Headers) -> None:
    assert quota(fields, NOW) is None


pieces = st.lists(
    st.sampled_from(['"', ";", ",", "r", "t", "=", "remaining", "reset", "50", ".", " ", "9" * 15, "-", "x"])
).map("".join)


@given(
    fields=st.lists(
        st.tuples(
            st.sampled_from(["ratelimit", "ratelimit-remaining", "ratelimit-reset", "ratelimit-policy"]),
            pieces | st.text() | st.floats().map(str) | st.integers(0).map(str),
        )
    ).map(tuple)
)
@example(fields=old("٣", "٣٠"))
def test_any_text_says_a_number_of_requests_and_a_time_to_come_or_nothing(fields: Headers) -> None:
    said = quota(fields, NOW)
    assert said is None or (said.remaining >= 0 and 3 < said.reset < 1e14)
