"""Callers of the demo's keys: a few addresses and services for each key that was used."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Final

from django.db.models import Sum

from apikeys.models import APIKey, CallerKind, KeyCaller, Usage, UsageStep
from console.demo_data.usage_rows import BATCH, DAYS, spread

# Networks for documentation: RFC 5737.
_NETWORKS: Final = ("192.0.2", "198.51.100", "203.0.113")
_PRODUCTS: Final = ("python-requests/2.31", "Go-http-client/1.1", "okhttp/4.12", "axios/1.7", "curl/8.5", "Java/21.0")
_MOST_ADDRESSES: Final = 4
_SEEN_WITHIN: Final = timedelta(hours=6)


def write_callers(now: datetime, seed: int) -> None:
    """Write the callers of every key that was used in the last 30 days. `seed` is the seed of all random choices."""
    rng = Random(f"callers {seed}")  # noqa: S311 - sample data
    sums = Usage.objects.filter(step=UsageStep.DAY).values_list("key_id").annotate(Sum("allowed"), Sum("throttled"))
    requests = {key_id: allowed + throttled for key_id, allowed, throttled in sums.order_by()}
    counted = APIKey.objects.filter(pk__in=requests).order_by("pk").prefetch_related("usage_marks")
    rows = [row for key in counted if key.last_used_at for row in _rows(key, requests[key.pk], now, rng)]
    KeyCaller.objects.bulk_create(rows, batch_size=BATCH)


def _rows(key: APIKey, requests: int, now: datetime, rng: Random) -> Iterator[KeyCaller]:
    network = rng.choice(_NETWORKS)
    addresses = [f"{network}.{number}" for number in rng.sample(range(1, 255), rng.randint(1, _MOST_ADDRESSES))]
    host = f"{key.owner or 'internal'}.example".replace(" ", "-").lower()
    services = [host, *rng.sample(_PRODUCTS, rng.randint(0, 2))]
    first = max(key.created_at, now - timedelta(days=DAYS))
    for kind, values in ((CallerKind.ADDRESS, addresses), (CallerKind.SERVICE, services)):
        for place, (value, count) in enumerate(zip(values, spread(requests, len(values), rng), strict=True)):
            last = key.last_used_at or now
            seen = last - rng.random() * _SEEN_WITHIN * place
            yield KeyCaller(
                key=key, kind=kind, value=value, requests=max(1, count), first_seen=min(first, seen), last_seen=seen
            )
