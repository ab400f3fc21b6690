"""Failed authentications: counted by reason, and a wrong secret is charged to the client address."""

from typing import Final

from prometheus_client import Counter

from apikeys.address_limit import AddressLimit
from apikeys.errors import InvalidCredential, QuotaExceeded
from latchkey import metric_names
from latchkey.problem_catalogue import CATALOGUE
from latchkey.problems import ProblemError

AUTH_FAILURES: Final = Counter(
    metric_names.AUTH_FAILURES, "Requests whose credential was rejected, by reason.", ["reason"]
)
# Create every series at the start. Prometheus can't see the first increase of a series that doesn't exist yet.
for _slug, _problem in CATALOGUE.items():
    if _problem.status == 401 or _slug == "ambiguous-credential":
        AUTH_FAILURES.labels(_slug)


def count_failure(error: ProblemError, limit: AddressLimit, address: str, *, paid: bool = False) -> ProblemError:
    """Count a failure, and charge a wrong secret to the address unless it has `paid` before. Return the error to raise.

    May raise BucketStoreError.
    """
    if isinstance(error, QuotaExceeded):
        AUTH_FAILURES.labels(InvalidCredential.slug).inc()
        return error
    AUTH_FAILURES.labels(error.slug).inc()
    if paid or not isinstance(error, InvalidCredential):
        return error
    # Never charge the key: otherwise any client could use up the limit of a key whose ID it knows.
    return limit.charge(address) or error
