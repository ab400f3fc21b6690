from pathlib import Path

import pytest

from ratelimit.stores.redis.address import RedisAddress, parse_address


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://cache", RedisAddress((("cache", 6379),), tls=False)),
        ("redis://cache:7000/3", RedisAddress((("cache", 7000),), tls=False, db=3)),
        ("rediss://ada:l%40ve@cache", RedisAddress((("cache", 6379),), tls=True, username="ada", password="l@ve")),
        ("redis://:love@[::1]:7000", RedisAddress((("::1", 7000),), tls=False, password="love")),
        ("redis://cache?prefix=a:", RedisAddress((("cache", 6379),), tls=False, prefix="a:")),
        (
            "redis://one,two:7000/2?sentinel=main",
            RedisAddress((("one", 26379), ("two", 7000)), tls=False, db=2, sentinel="main"),
        ),
        ("redis://one,two?cluster=true", RedisAddress((("one", 6379), ("two", 6379)), tls=False, cluster=True)),
    ],
)
def test_addresses(url: str, address: RedisAddress) -> None:
    assert parse_address(url) == address


def test_certificates_are_named_by_a_file(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.touch()
    assert parse_address(f"rediss://cache?ca={file}").ca == file


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("redis://", "must be redis://"),
        ("redis:///0", "must be redis://"),
        ("redis://cache:port", "must be redis://"),
        ("redis://cache:99999", "must be redis://"),
        ("redis://one,,two?cluster=true", "must be redis://"),
        ("redis://one,two", "several hosts"),
        ("redis://cache/first", "database number"),
        ("redis://cache/-1", "database number"),
        ("redis://cache?cluster=yes", "cluster=true"),
        ("redis://cache/1?cluster=true", "neither"),
        ("redis://cache?cluster=true&sentinel=main", "neither"),
        ("redis://cache?timeout=1", "unknown options"),
        ("redis://cache?prefix=", "without a value"),
        ("redis://cache?prefix={a}", "prefix of up to 64"),
        ("redis://cache?ca=x", "only with rediss://"),
        ("rediss://cache?ca=/nowhere", "does not exist"),
        ("redis://:a#secret@cache", "not contain #"),
    ],
)
def test_refusals_are_plain_and_show_nothing(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        parse_address(url)
    assert "secret" not in str(caught.value)


def test_a_password_is_never_shown() -> None:
    address = parse_address("redis://ada:love@cache:7000/0")
    assert "love" not in repr(address) + str(address) + address.redacted
    assert address.redacted == "redis://cache:7000"
