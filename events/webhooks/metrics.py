"""Metrics of webhooks."""

from enum import StrEnum
from typing import Final

from prometheus_client import Counter

from latchkey import metric_names


class DeliveryOutcome(StrEnum):
    """Outcome of an attempt. The names are public API."""

    DELIVERED = "delivered"
    FAILED = "failed"
    REFUSED = "refused"
    DISABLED = "disabled"
    TEST_DELIVERED = "test_delivered"
    TEST_FAILED = "test_failed"
    RESEND_DELIVERED = "resend_delivered"
    RESEND_FAILED = "resend_failed"


DELIVERIES: Final = Counter(metric_names.WEBHOOK_DELIVERIES, "Delivery attempts, by outcome.", ["outcome"])
for _outcome in DeliveryOutcome:
    # Create the series at startup: Prometheus can't see the increase of a series that starts at 1.
    DELIVERIES.labels(_outcome.value)
