"""What a request says about its caller: short, printable, and without secrets."""

import pytest
from pytest_django import Settings

from apikeys.callers.caller import MAX_VALUE, caller_of, caller_of_environ, trusted_host
from apikeys.client_address import parse_networks
from apikeys.request_context import set_request_context
from latchkey.credentials import generate_secret
from latchkey.redaction import REDACTED


@pytest.mark.parametrize(
    ("field", "service"),
    [
        ("python-requests/2.31.0", "python-requests/2.31"),
        ("curl/8", "curl/8"),
        ("Mozilla/5.0 (X11; Linux) Gecko/20100101", "Mozilla/5.0"),
        ("Go-http-client/1.1", "Go-http-client/1.1"),
        ("billing-worker", "billing-worker"),
        ("billing/v2-beta", "billing"),
        ("", ""),
        ("(comment first) x/1", ""),
        ("<script>alert(1)</script>", ""),
        ("x\r\nX-Other: b", "x"),
        ("\x1b[31mred/1", ""),
        ("x" * 10_000, "x" * 80),
        ("\u202egpj.exe/1", ""),
    ],
)
def test_service_is_the_product(field: str, service: str) -> None:
    assert caller_of("192.0.2.1", field).service == service


@pytest.mark.parametrize(
    ("field", "service"),
    [
        ("Orders.Example:8443, other.example", "orders.example:8443"),
        ("[2001:db8::1]:8000", "[2001:db8::1]:8000"),
        ("orders_example", "orders_example"),
        ("a b", "curl/8.5"),
        ("x" * 101, "curl/8.5"),
        ("<b>", "curl/8.5"),
        ("", "curl/8.5"),
    ],
)
def test_host_of_proxy_comes_first(field: str, service: str) -> None:
    assert caller_of("192.0.2.1", "curl/8.5.0", field).service == service


def test_value_fits_its_column() -> None:
    longest = (
        caller_of("", "x" * 900 + "/999999999.999999999").service,
        caller_of("", "x" * 80 + "/999999999.999999999").service,
        caller_of("", "", "h" * 100 + ":65535").service,
    )
    assert all(0 < len(value) <= MAX_VALUE for value in longest)


def test_secret_is_not_repeated() -> None:
    secret = generate_secret()
    for pasted in (secret, f"lk_0123456789ab:{secret}", f"curl/8 lk_0123456789ab.{secret}", f"x/1 password={secret}"):
        assert caller_of("192.0.2.1", pasted).service == REDACTED
        assert caller_of("192.0.2.1", "", pasted).service == REDACTED


def test_unknown_address_is_left_out() -> None:
    assert caller_of("unknown", "curl/8.5").address == ""


def test_only_trusted_proxy_names_a_host(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = parse_networks(["10.0.0.0/8"])
    assert trusted_host("10.1.2.3", "orders.example") == "orders.example"
    assert trusted_host("192.0.2.1", "orders.example") == ""
    assert trusted_host("", "orders.example") == ""


def test_host_counts_for_checks_only(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = parse_networks(["10.0.0.0/8"])
    environ = {"REMOTE_ADDR": "10.1.2.3", "HTTP_X_FORWARDED_HOST": "orders.example", "HTTP_USER_AGENT": "curl/8.5.0"}
    set_request_context(environ, request_id="r", address="192.0.2.1")
    assert caller_of_environ(environ) == ("192.0.2.1", "curl/8.5")
    assert caller_of_environ(environ, is_check=True) == ("192.0.2.1", "orders.example")
