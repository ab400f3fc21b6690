import asyncio
import ipaddress
from collections.abc import Awaitable, Callable
from typing import Any

import httpcore
import pytest

from events.webhooks.addresses import Address
from events.webhooks.guarded_network import AddressNotAllowed, GuardedNetwork, resolve_host

PUBLIC = "93.184.215.14"
Connected = list[str]


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> Connected:
    """The hosts that the operating system is asked to connect to; those in 93.184.0.0/16 answer."""
    hosts: Connected = []

    async def connect_tcp(self: object, host: str, *args: Any) -> httpcore.AsyncNetworkStream:
        hosts.append(host)
        if not host.startswith("93.184."):
            raise httpcore.ConnectError("nobody there")
        return httpcore.AsyncNetworkStream()

    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect_tcp)
    return hosts


def resolver(*responses: list[str]) -> Callable[[str, int], Awaitable[list[Address]]]:
    """Gives `responses`, one each time it is asked."""
    waiting = list(responses)

    async def resolve(host: str, port: int) -> list[Address]:
        return [ipaddress.ip_address(text) for text in waiting.pop(0)]

    return resolve


def connect(network: GuardedNetwork, host: str = "hooks.example") -> None:
    asyncio.run(network.connect_tcp(host, 443))


def test_dns_rebinding_is_prevented(connected: Connected) -> None:
    network = GuardedNetwork((), public=True, resolve=resolver([PUBLIC], ["127.0.0.1"]))
    connect(network)
    assert connected == [PUBLIC]
    with pytest.raises(AddressNotAllowed, match="address not allowed"):
        connect(network)
    assert connected == [PUBLIC]


def test_allowed_addresses_are_tried_in_order(connected: Connected) -> None:
    network = GuardedNetwork((), public=True, resolve=resolver(["10.0.0.1", "8.8.8.8", "::1", PUBLIC, "1.1.1.1"]))
    connect(network)
    assert connected == ["8.8.8.8", PUBLIC]


def test_last_connection_failure_is_raised(connected: Connected) -> None:
    with pytest.raises(httpcore.ConnectError, match="nobody there"):
        connect(GuardedNetwork((), public=True, resolve=resolver(["8.8.8.8", "8.8.4.4"])))
    assert connected == ["8.8.8.8", "8.8.4.4"]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1", "0x7f000001", "2130706433", "::1", "0.0.0.0"])
def test_every_spelling_of_localhost_is_rejected(connected: Connected, host: str) -> None:
    with pytest.raises(AddressNotAllowed):
        connect(GuardedNetwork((), public=True), host)
    assert connected == []


@pytest.mark.parametrize("host", ["nowhere.invalid", "a..b", "x" * 64 + ".example"])
def test_name_without_addresses_is_a_connect_error(host: str) -> None:
    with pytest.raises(httpcore.ConnectError):
        asyncio.run(resolve_host(host, 443))


def test_unix_sockets_are_rejected() -> None:
    with pytest.raises(AddressNotAllowed):
        asyncio.run(GuardedNetwork((), public=True).connect_unix_socket("/run/x"))
