"""Fields of a quota are found in a head, and in bounds."""

from processor.web.answers.quotas import quota_fields

HEAD = b"HTTP/1.1 200 OK\r\n%bX: 1\r\n\r\nRateLimits: 9\r\n"


def test_fields_of_a_quota_are_found_in_any_case_and_nothing_else_is() -> None:
    lines = b"RateLimit: a;r=1;t=2\r\nX-Rate-Limit-Remaining:\t3 \r\nx-ratelimit-reset: 4\r\n"
    assert quota_fields(HEAD % (lines + b"Ratelimit-Limit: 5\r\n")) == (
        ("ratelimit", "a;r=1;t=2"),
        ("ratelimit-remaining", "3"),
        ("ratelimit-reset", "4"),
    )
    assert quota_fields(HEAD % b"Content-Length: 5\r\n") == ()
    assert quota_fields(HEAD % b"X-RATELIMIT-RESET: 5\r\n") == (("ratelimit-reset", "5"),)
    assert quota_fields(HEAD % b"X-Limits: 5\r\nMy-RateLimit: 6\r\n") == ()


def test_of_fields_of_a_quota_few_are_kept_each_cut() -> None:
    found = quota_fields(HEAD % (b"RateLimit: %b\r\n" % (b"\xff1" * 999) * 99))
    assert len(found) == 8
    assert {len(value) for _, value in found} == {128}
