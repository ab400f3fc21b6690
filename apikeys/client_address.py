"""Whose address a request came from, where proxies stand in between."""

import ipaddress
from collections.abc import Sequence
from typing import Final

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_IPV6_SITE_BITS = 64
MAX_HOPS: Final = 32


def parse_networks(entries: Sequence[str]) -> tuple[Network, ...]:
    """The networks in CIDR notation (or single addresses). Raises ValueError for anything else."""
    return tuple(ipaddress.ip_network(entry.strip(), strict=False) for entry in entries if entry.strip())


def client_address(peer: str, forwarded_for: str, trusted: Sequence[Network]) -> str:
    """The address to hold responsible for a request.

    `peer` is the connection's other end. Only where it is a trusted proxy is X-Forwarded-For read, from the right, up
    to the first address that is no trusted proxy, 32 hops at most: what stands left of that anybody may have written.
    An IPv6 address stands for its /64, which one customer has whole. What is no address yields "unknown".
    """
    address = _parse(peer)
    for entry in reversed(forwarded_for.rsplit(",", MAX_HOPS)[-MAX_HOPS:]) if forwarded_for else ():
        if address is None or not any(address in network for network in trusted):
            break
        hop = _parse(_without_port(entry.strip()))
        if hop is None:
            break
        address = hop
    if address is None:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, _IPV6_SITE_BITS), strict=False))
    return str(address)


def _without_port(entry: str) -> str:
    """`1.2.3.4:5678` and `[::1]:5678`, as some proxies write a hop, without the port."""
    if entry.startswith("["):
        return entry[1:].partition("]")[0]
    return entry.partition(":")[0] if entry.count(":") == 1 else entry


def _parse(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address
