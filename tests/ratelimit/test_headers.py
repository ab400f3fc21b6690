from ratelimit.decision import Decision
from ratelimit.headers import rate_limit_headers
from ratelimit.limit import Limit

LIMIT = Limit(60, 60)


def test_fields_of_an_allowed_request() -> None:
    decision = Decision(LIMIT, True, 48 * LIMIT.price, 0, 1)
    assert rate_limit_headers(decision) == [
        ("RateLimit-Policy", '"key";q=60;w=60'),
        ("X-RateLimit-Limit", "60"),
        ("RateLimit", '"key";r=12;t=1'),
        ("X-RateLimit-Remaining", "12"),
        ("X-RateLimit-Reset", "48"),
    ]


def test_full_bucket_has_nothing_to_wait_for() -> None:
    fields = dict(rate_limit_headers(Decision(LIMIT, True, 0, 0, 1)))
    assert fields["RateLimit"] == '"key";r=60;t=0'
    assert fields["X-RateLimit-Reset"] == "0"


def test_retry_after_is_at_least_one_second() -> None:
    denied = Decision(LIMIT, False, 60 * LIMIT.price, 1, 1)
    assert dict(rate_limit_headers(denied))["Retry-After"] == "1"
    later = denied._replace(wait_ns=2_000_000_001)
    assert dict(rate_limit_headers(later))["Retry-After"] == "3"


def test_unlimited_key_has_no_fields() -> None:
    assert rate_limit_headers(Decision(None, True, 0, 0, 1)) == []
