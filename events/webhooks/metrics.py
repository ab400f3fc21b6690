"""What webhooks count."""

from enum import StrEnum
from typing import Final

from prometheus_client import Counter

from latchkey import metric_names


class Counted(StrEnum):
    """What came of an attempt; the names are public."""

    DELIVERED = "delivered"
    FAILED = "failed"
    REFUSED = "refused"
    DISABLED = "disabled"
    TEST_DELIVERED = "test_delivered"
    TEST_FAILED = "test_failed"


DELIVERIES: Final = Counter(metric_names.WEBHOOK_DELIVERIES, "Attempts to deliver, by what came of them.", ["outcome"])
for _outcome in Counted:
    DELIVERIES.labels(_outcome.value)  # the series is there from the start, so that its first increase is seen
