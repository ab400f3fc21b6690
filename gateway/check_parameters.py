"""Query parameters of /v1/check: the required scopes, the costs, and which statuses the proxy can handle."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from apikeys.validation import MAX_SCOPES, SCOPE_PATTERN, is_scope
from gateway.unit_costs import costs_of, pointer_of_query
from latchkey.problems import FieldError
from latchkey.query import Parameter, Query, choice_parameter, number_parameter, parse_query
from latchkey.validation import InvalidParameters, parse_whole_number, rejected
from ratelimit.claim import MAX_COST
from ratelimit.costs import ONE, Costs
from ratelimit.limit import MAX_BURST

# nginx limits a word in its configuration to 4,095 bytes, and this query follows an address in one word.
MAX_QUERY: Final = 4000
FORBIDDEN: Final = "403"
OK: Final = "200"
_UNIT_PREFIX: Final = "cost."
_SCOPE_RULE: Final = (
    f"scope must be up to {MAX_SCOPES} scopes, separated by spaces: *, verify, or of the form keys:read."
)


def _scopes(typed: str) -> list[str]:
    scopes = typed.split(" ")
    if not all(map(is_scope, scopes)):
        raise rejected("not-a-scope", _SCOPE_RULE)
    return scopes


QUERY: Final[Query] = (
    Parameter(
        "scope",
        _scopes,
        {"type": "array", "items": {"type": "string", "pattern": SCOPE_PATTERN}, "maxItems": MAX_SCOPES},
        "A scope that the request needs. Repeat the parameter for more, or separate them with spaces; all are needed.",
        repeats=True,
    ),
    number_parameter("cost", 1, MAX_BURST, "Tokens to take from the key's bucket.", default=1),
    Parameter(
        f"{_UNIT_PREFIX}UNIT",
        lambda typed: parse_whole_number(typed, "a cost", 0, MAX_COST),
        {"type": "integer", "minimum": 0, "maximum": MAX_COST},
        "Cost in another unit of the key's plan, for example cost.tokens=350.",
        prefix=_UNIT_PREFIX,
    ),
    choice_parameter("deny", (FORBIDDEN,), "Return 403 in place of 400 and 429, for nginx."),
    choice_parameter("allow", (OK,), "Return 200 in place of 204, for proxies that treat a 204 as a denial."),
)


@dataclass(frozen=True, slots=True)
class CheckParameters:
    """The parameters of a check. All of `scopes` are required.

    `deny_as_forbidden`: return 403 for denials that the proxy would not pass on (nginx). `allow_as_ok`: return 200
    for allowed requests, for proxies that treat 204 as a denial.
    """

    scopes: tuple[str, ...] = ()
    costs: Costs = ONE
    deny_as_forbidden: bool = False
    allow_as_ok: bool = False


@lru_cache(maxsize=256)
def parse_check_parameters(query: bytes) -> CheckParameters:
    """Return the parsed query. `scope` may be repeated, and each may contain several scopes separated by spaces.

    Raise InvalidParameters if the query is too long or a parameter is invalid.
    """
    if len(query) > MAX_QUERY:
        raise InvalidParameters.of([FieldError("", "too-long", f"The query has more than {MAX_QUERY} bytes.")])
    values = parse_query(query, QUERY)
    scopes = tuple(scope for sent in values.get("scope", ()) for scope in sent)
    if len(scopes) > MAX_SCOPES:
        raise InvalidParameters.of([FieldError("/scope", "too-many", _SCOPE_RULE)])
    return CheckParameters(scopes, _costs(values), "deny" in values, "allow" in values)


def _costs(values: dict[str, Any]) -> Costs:
    units = {name.removeprefix(_UNIT_PREFIX): cost for name, cost in values.items() if name.startswith(_UNIT_PREFIX)}
    return costs_of(values.get("cost"), units, pointer_of_query)
