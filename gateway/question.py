"""What a proxy asks in the query of /v1/check: the scopes that are needed, the cost, and how a denial is to be told."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qsl

from apikeys.validation import is_scope
from latchkey.problems import FieldError
from latchkey.validation import InvalidParameters, Refused, whole_number
from ratelimit.limit import MAX_BURST

MAX_SCOPES: Final = 64
MAX_QUERY: Final = 4096
FORBIDDEN: Final = "403"
OK: Final = "200"


@dataclass(frozen=True, slots=True)
class Question:
    """All of `scopes` are needed. `deny_as_forbidden`: what the proxy would not pass on is answered 403. `allow_as_ok`:
    what may pass is answered 200, as there are proxies for which 204 is a no.
    """

    scopes: tuple[str, ...] = ()
    cost: int = 1
    deny_as_forbidden: bool = False
    allow_as_ok: bool = False


@lru_cache(maxsize=256)
def parse_question(query: bytes) -> Question:
    """The question in a query. `scope` may stand several times, or hold several scopes with spaces.

    Raises InvalidParameters, also for a parameter that there is not: a scope that is misspelt must not be passed over.
    """
    faults: list[FieldError] = []
    scopes: list[str] = []
    single: dict[str, str] = {}
    if len(query) > MAX_QUERY:
        raise InvalidParameters.of([FieldError("", "too-long", f"The query has more than {MAX_QUERY} bytes.")])
    for name, value in _parameters(query):
        if name == "scope":
            scopes += value.split(" ")
        elif name in ("cost", "deny", "allow") and name not in single:
            single[name] = value
        else:
            faults.append(FieldError("/" + name[:64], "unknown-parameter", "There are scope, cost, deny and allow."))
    if len(scopes) > MAX_SCOPES or not all(map(is_scope, scopes)):
        faults.append(FieldError("/scope", "not-a-scope", f"scope names up to {MAX_SCOPES} scopes."))
    cost = 1
    try:
        cost = whole_number(single.get("cost", "1"), "cost", 1, MAX_BURST)
    except Refused as refused:
        faults += refused.faults
    faults += _not_a_choice(single)
    if faults:
        raise InvalidParameters.of(faults)
    return Question(tuple(scopes), cost, "deny" in single, "allow" in single)


def _parameters(query: bytes) -> list[tuple[str, str]]:
    """Names and values. Raises InvalidParameters for more than make sense, before any is looked at."""
    try:
        return parse_qsl(query.decode("ascii", "replace"), keep_blank_values=True, max_num_fields=MAX_SCOPES + 3)
    except ValueError:
        fault = FieldError("", "too-many", f"The query has more than {MAX_SCOPES + 3} parameters.")
        raise InvalidParameters.of([fault]) from None


def _not_a_choice(single: dict[str, str]) -> list[FieldError]:
    return [
        FieldError(f"/{name}", "not-a-choice", f"{name} must be {choice}.")
        for name, choice in (("deny", FORBIDDEN), ("allow", OK))
        if single.get(name, choice) != choice
    ]
