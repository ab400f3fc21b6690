"""Address rules for webhooks: they prevent requests into the server's own network (SSRF)."""

import ipaddress
from collections.abc import Sequence
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052
# Ranges that `ipaddress` may treat as public, depending on the Python version.
_DENIED: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "192.0.0.0/24",  # IETF protocol assignments (RFC 6890)
        "192.88.99.0/24",  # 6to4 relays (RFC 7526)
        "3fff::/20",  # documentation (RFC 9637)
        "168.63.129.16/32",  # the host of an Azure machine (Microsoft, "What is IP address 168.63.129.16?")
    )
)
# All that IANA has allocated (RFC 4291, section 2.4).
_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")


def is_allowed(address: Address, networks: Sequence[Network], *, public: bool) -> bool:
    """Return whether `address` is in one of `networks` or, if `public` is true, is a public address."""
    target = _embedded_address(address)
    return any(one in network for network in networks for one in (address, target)) or (public and _is_public(target))


def _embedded_address(address: Address) -> Address:
    """Return the IPv4 address that an IPv4-mapped (RFC 4291) or NAT64 address stands for, or the address itself."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_public(address: Address) -> bool:
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    if any(address in network for network in _DENIED):
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return True
    # 6to4 and Teredo forward packets to the IPv4 addresses that they contain.
    tunnels = [address.sixtofour, *(address.teredo or ())]
    return address in _GLOBAL_UNICAST and all(inner is None or _is_public(inner) for inner in tunnels)
