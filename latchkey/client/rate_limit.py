"""Rate limit of a key, as the API writes it."""

from dataclasses import dataclass

from latchkey.client.document import Document


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A rate limit: a bucket of `burst` tokens (1 to 1000000), which refill in `per_seconds` (1 to 2678400)."""

    burst: int
    per_seconds: int

    def as_json(self) -> dict[str, int]:
        """Return the limit as a JSON object."""
        return {"burst": self.burst, "per_seconds": self.per_seconds}


def rate_limit_of(holder: Document) -> RateLimit | None:
    """Return the field `rate_limit`; None is unlimited."""
    if not holder.has("rate_limit"):
        return None
    limit = holder.document("rate_limit", "rate limit")
    return RateLimit(limit.integer("burst"), limit.integer("per_seconds"))
