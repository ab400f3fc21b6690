import ipaddress

import pytest

from events.webhooks.addresses import is_allowed

NONE: tuple[ipaddress.IPv4Network, ...] = ()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.0.1", "::1", "169.254.169.254", "fe80::1", "fe80::1%eth0", "10.1.2.3", "172.16.0.1",
        "192.168.1.1", "100.64.0.1", "0.0.0.0", "::", "192.0.2.1", "198.18.0.1", "240.0.0.1", "255.255.255.255",
        "224.0.0.1", "ff02::1", "ff0e::1", "fc00::1", "fd12::1", "fec0::1", "2001:db8::1", "::7f00:1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
        "192.0.0.8", "192.88.99.1", "168.63.129.16", "3fff::1", "2002:a83f:8110::", "::ffff:192.88.99.1",
        "64:ff9b:1::7f00:1", "2002:7f00:1::", "2002:a00:1::1", "2001:0:7f00:1::1", "2001:0:808:808::80ff:fffe",
    ],
)  # fmt: skip
def test_inner_addresses_are_not_reached(address: str) -> None:
    assert not is_allowed(ipaddress.ip_address(address), NONE, public=True)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public_addresses_are_allowed(address: str) -> None:
    assert is_allowed(ipaddress.ip_address(address), NONE, public=True)
    assert not is_allowed(ipaddress.ip_address(address), NONE, public=False)


@pytest.mark.parametrize("public", [True, False])
@pytest.mark.parametrize(
    ("network", "inside", "outside"),
    [
        ("10.0.0.0/8", "10.9.8.7", "192.168.1.1"),
        ("10.0.0.0/8", "::ffff:10.9.8.7", "::ffff:127.0.0.1"),
        ("10.0.0.0/8", "64:ff9b::a09:807", "64:ff9b::7f00:1"),
        ("fd00::/8", "fd12::1", "fe80::1"),
        ("127.0.0.1/32", "127.0.0.1", "127.0.0.2"),
    ],
)
def test_allowed_networks_are_reached(network: str, inside: str, outside: str, public: bool) -> None:
    networks = [ipaddress.ip_network(network)]
    assert is_allowed(ipaddress.ip_address(inside), networks, public=public)
    assert not is_allowed(ipaddress.ip_address(outside), networks, public=public)
