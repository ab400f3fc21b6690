"""Client address of a request that may have passed through proxies."""

import ipaddress
from collections.abc import Sequence
from typing import Final

from httpserver.unix_socket import UNIX_PEER

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_IPV6_SITE_BITS = 64
MAX_HOPS: Final = 32
UNKNOWN: Final = "unknown"


def parse_networks(entries: Sequence[str]) -> tuple[Network, ...]:
    """Return the networks that `entries` contain, in CIDR notation or as single addresses. Raises ValueError."""
    return tuple(ipaddress.ip_network(entry.strip(), strict=False) for entry in entries if entry.strip())


def client_address(peer: str, forwarded_for: str, trusted: Sequence[Network]) -> str:
    """Return the client address to which a request is attributed, or "unknown".

    `peer` is the other end of the connection. X-Forwarded-For is read only if `peer` is a trusted proxy: from the
    right, up to the first address that is not a trusted proxy, at most MAX_HOPS hops. A client of a Unix socket is a
    trusted proxy: the socket's mode decides who may connect. An IPv6 address is returned as its /64 network.
    """
    address = _parse(peer)
    is_trusted = peer == UNIX_PEER
    # Read from the right: any client can write what is left of the first untrusted address.
    for entry in reversed(forwarded_for.rsplit(",", MAX_HOPS)[-MAX_HOPS:]) if forwarded_for else ():
        if not (is_trusted or (address is not None and any(address in network for network in trusted))):
            break
        hop = _parse(_without_port(entry.strip()))
        if hop is None:
            break
        address, is_trusted = hop, False
    if address is None:
        return UNKNOWN
    if isinstance(address, ipaddress.IPv6Address):
        # A single customer usually has a whole /64, and could use a new address for every attempt.
        return str(ipaddress.ip_network((address, _IPV6_SITE_BITS), strict=False))
    return str(address)


def is_trusted_proxy(peer: str, trusted: Sequence[Network]) -> bool:
    """Return whether `peer`, the other end of the connection, is a trusted proxy."""
    address = _parse(peer)
    return address is not None and any(address in network for network in trusted)


def _without_port(entry: str) -> str:
    """Return a hop without the port that some proxies add: `1.2.3.4:5678`, `[::1]:5678`."""
    if entry.startswith("["):
        return entry[1:].partition("]")[0]
    return entry.partition(":")[0] if entry.count(":") == 1 else entry


def _parse(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address that `text` represents, or None. An IPv4-mapped IPv6 address is returned as IPv4."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address
