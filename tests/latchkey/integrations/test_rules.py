"""Which rule is for a request."""

import pytest

from latchkey.integrations.rules import AmbiguousPath, Rule, rule_for

PUBLIC = Rule("/health", public=True)
READ = Rule("/orders", scopes=["orders:read"], methods=["GET"])
WRITE = Rule("/orders/", scopes=["orders:write"])
RULES = [PUBLIC, READ, WRITE]


@pytest.mark.parametrize(
    ("method", "path", "rule"),
    [
        ("GET", "/health", PUBLIC),
        ("GET", "/health/live", PUBLIC),
        ("GET", "/healthy", Rule("/")),
        ("GET", "/HEALTH", Rule("/")),
        ("GET", "/orders", READ),
        ("HEAD", "/orders/7", READ),
        ("POST", "/orders/7", WRITE),
        ("POST", "/orders", WRITE),
        ("POST", "/ordersx", Rule("/")),
        ("GET", "/", Rule("/")),
        ("GET", "/.well-known/..x", Rule("/")),
        ("GET", "/trailing/", Rule("/")),
    ],
)
def test_the_first_that_matches(method: str, path: str, rule: Rule) -> None:
    assert rule_for(RULES, method, path) == rule


@pytest.mark.parametrize("path", ["/health/../orders", "/health/..", "//orders", "/./orders", "/health/.", "/a\\..\\b"])
def test_a_path_that_may_mean_another_matches_none(path: str) -> None:
    with pytest.raises(AmbiguousPath):
        rule_for(RULES, "GET", path)
    assert rule_for([], "GET", path) == Rule("/"), "without rules, every path needs the same"


def test_a_rule_for_every_path() -> None:
    every = Rule("/", scopes=["a:b"])
    assert [rule_for([every], "GET", path) for path in ("/", "/orders")] == [every, every]


def test_mistakes_are_found_early() -> None:
    with pytest.raises(ValueError, match="begin with /"):
        Rule("orders")
    with pytest.raises(TypeError, match="lists"):
        Rule("/orders", scopes="orders:read")
    with pytest.raises(TypeError, match="lists"):
        Rule("/orders", methods="GET")
