import pytest

from apikeys.client_address import client_address, parse_networks
from httpserver.unix_socket import UNIX_PEER

TRUSTED = parse_networks(["127.0.0.1", "10.0.0.0/8", "fd00::/8"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.7", "", "203.0.113.7"),
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),
        ("127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "198.51.100.1, 10.1.2.3", "198.51.100.1"),
        ("127.0.0.1", "10.1.2.3", "10.1.2.3"),
        ("127.0.0.1", "garbage, 10.1.2.3", "10.1.2.3"),
        ("127.0.0.1", "198.51.100.1, garbage", "127.0.0.1"),
        ("::ffff:127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::/64"),
        ("fd00::1", "2001:db8::1", "2001:db8::/64"),
        ("127.0.0.1", "198.51.100.1:5678", "198.51.100.1"),
        ("127.0.0.1", "[2001:db8:1::7]:5678", "2001:db8:1::/64"),
        ("", "198.51.100.1", "unknown"),
        (UNIX_PEER, "198.51.100.1", "198.51.100.1"),
        (UNIX_PEER, "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        (UNIX_PEER, "198.51.100.1, 10.1.2.3", "198.51.100.1"),
        (UNIX_PEER, "198.51.100.1, unix", "unknown"),
        (UNIX_PEER, "garbage", "unknown"),
        (UNIX_PEER, "", "unknown"),
        ("127.0.0.1", "198.51.100.1, unix", "127.0.0.1"),
    ],
)
def test_client_address(peer: str, forwarded: str, expected: str) -> None:
    assert client_address(peer, forwarded, TRUSTED) == expected


def test_no_proxy_is_trusted_by_default() -> None:
    assert client_address("127.0.0.1", "198.51.100.1", ()) == "127.0.0.1"


@pytest.mark.parametrize("entry", ["10.0.0.0/33", "proxy", "*"])
def test_invalid_networks_are_rejected(entry: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_networks([entry])
