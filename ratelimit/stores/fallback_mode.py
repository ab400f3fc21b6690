"""Mode of the fallback: what decides during an outage of a remote store."""

from enum import StrEnum


class FallbackMode(StrEnum):
    """What happens to requests during an outage of the remote store.

    `LOCAL`: this host's own buckets decide, under the same limits, rates of plans included, and of each quota the host
    grants a hundredth, and no more than what the database last knew to be left. `ALLOW`: every request of a key is
    allowed, and counted on this host, but not by the limits of its plans. `DENY`: no request is allowed.
    """

    LOCAL = "local"
    DENY = "deny"
    ALLOW = "allow"
