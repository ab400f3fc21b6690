"""Costs by unit that a call names: what can be checked without the plans, and the faults that name a unit."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from latchkey.limit_state import REQUESTS
from latchkey.problems import MAX_ERRORS, FieldError, field_pointer
from latchkey.validation import InvalidParameters, Rejected, integer, rejected
from ratelimit.claim import MAX_COST
from ratelimit.costs import MAX_UNITS, ONE, Costs
from ratelimit.limit import MAX_BURST

Pointer = Callable[[str], str]
"""A function that returns the JSON pointer to the cost of a unit."""

_TWICE: Final = f"The cost in {REQUESTS} is named twice. Send either cost or the cost of the unit {REQUESTS}."
# A unit that is misspelled would be free, so it's not taken for one without limits.
_UNKNOWN: Final = "No plan has a limit in this unit. Correct its name, or leave it out until a plan limits it."


def pointer_of_query(unit: str) -> str:
    """Return the pointer to the parameter of /v1/check that names the cost of `unit`."""
    return field_pointer(f"cost.{unit}")


def pointer_of_body(unit: str) -> str:
    """Return the pointer to the member of the body of /v1/verify that has the cost of `unit`."""
    return "/costs" + field_pointer(unit)


def parse_costs(value: object) -> dict[str, int]:
    """Return the costs by unit in a decoded JSON object. Raises Rejected with all faults, up to MAX_ERRORS."""
    if not isinstance(value, dict):
        raise rejected("not-an-object", "costs must be an object of units and whole numbers.")
    faults: list[FieldError] = []
    for unit, cost in value.items():
        # One fault more than the response lists is enough to say that there are more.
        if len(faults) > MAX_ERRORS:
            break
        try:
            integer(cost, "a cost", 0, MAX_COST)
        except Rejected as rejection:
            faults.extend(fault.under(field_pointer(unit)) for fault in rejection.faults)
    if faults:
        raise Rejected(*faults)
    return value


def costs_of(cost: int | None, units: Mapping[str, int], pointer: Pointer, least: int = 1) -> Costs:
    """Return the costs that a call names: `cost` in requests (default 1), and those of `units`.

    Raises InvalidParameters if there are more than MAX_UNITS other units, if both name the unit `requests`, or if its
    cost is not from `least` to MAX_BURST. Whether a plan names the other units is checked when the request is decided.
    """
    if not units:
        return ONE if cost is None or cost == 1 else Costs(cost)
    others = {unit: number for unit, number in units.items() if unit != REQUESTS}
    if len(others) > MAX_UNITS:
        detail = f"A call can name the costs of at most {MAX_UNITS} units."
        raise InvalidParameters.of([FieldError(pointer(list(others)[MAX_UNITS]), "too-many", detail)])
    requests = units.get(REQUESTS)
    if requests is None:
        return Costs(1 if cost is None else cost, others)
    if cost is not None:
        raise InvalidParameters.of([FieldError(pointer(REQUESTS), "named-twice", _TWICE)])
    if not least <= requests <= MAX_BURST:
        detail = f"The cost in {REQUESTS} must be from {least} to {MAX_BURST}."
        raise InvalidParameters.of([FieldError(pointer(REQUESTS), "out-of-range", detail)])
    return Costs(requests, others)


def unknown_units(units: Iterable[str], pointer: Pointer) -> InvalidParameters:
    """Return the error of a call that names units in which no plan has a limit."""
    return InvalidParameters.of([FieldError(pointer(unit), "unknown-unit", _UNKNOWN) for unit in sorted(units)])
