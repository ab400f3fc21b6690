"""What a proxy asks in the query of /v1/check: the scopes that are needed, the cost, and how a denial is to be told."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from apikeys.validation import SCOPE_PATTERN, is_scope
from latchkey.problems import FieldError
from latchkey.query import Parameter, Query, choice_parameter, number_parameter, parse_query
from latchkey.validation import InvalidParameters, refused
from ratelimit.limit import MAX_BURST

MAX_SCOPES: Final = 64
# nginx takes words of at most 4,095 bytes in its configuration, and this one stands there behind an address.
MAX_QUERY: Final = 4000
FORBIDDEN: Final = "403"
OK: Final = "200"
_SCOPES: Final = f"scope names up to {MAX_SCOPES} scopes: *, verify, or like keys:read, with spaces between them."


def _scopes(typed: str) -> list[str]:
    scopes = typed.split(" ")
    if not all(map(is_scope, scopes)):
        raise refused("not-a-scope", _SCOPES)
    return scopes


QUERY: Final[Query] = (
    Parameter(
        "scope",
        _scopes,
        {"type": "array", "items": {"type": "string", "pattern": SCOPE_PATTERN}, "maxItems": MAX_SCOPES},
        "A scope that the request needs. Repeat the parameter for more, or separate them with spaces; all are needed.",
        repeats=True,
    ),
    number_parameter("cost", 1, MAX_BURST, "Tokens that are taken from the key's bucket.", default=1),
    choice_parameter("deny", (FORBIDDEN,), "Return 403 in place of 400 and 429, for nginx."),
    choice_parameter("allow", (OK,), "Return 200 in place of 204, for proxies that take 204 for a refusal."),
)


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

    Raises InvalidParameters.
    """
    if len(query) > MAX_QUERY:
        raise InvalidParameters.of([FieldError("", "too-long", f"The query has more than {MAX_QUERY} bytes.")])
    asked = parse_query(query, QUERY)
    scopes = tuple(scope for sent in asked.get("scope", ()) for scope in sent)
    if len(scopes) > MAX_SCOPES:
        raise InvalidParameters.of([FieldError("/scope", "too-many", _SCOPES)])
    return Question(scopes, asked.get("cost", 1), "deny" in asked, "allow" in asked)
