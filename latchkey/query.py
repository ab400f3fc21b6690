"""Query parameters: one declaration both parses them and describes them in the OpenAPI document."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from latchkey.problems import MAX_ERRORS, FieldError, field_pointer
from latchkey.validation import MAX_TEXT, InvalidParameters, Rejected, parse_time, parse_whole_number, rejected, text

MAX_PARAMETERS: Final = 70


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter of a call.

    `parse` returns the value of a text, which is never empty, or raises Rejected with pointers into the value.
    `schema` is the JSON schema of what `parse` accepts. A parameter that `repeats` may be sent several times; its
    values form a list. With a `prefix`, it stands for every name that begins with it, and `name` is how they are
    documented.
    """

    name: str
    parse: Callable[[str], object]
    schema: Mapping[str, object]
    description: str
    repeats: bool = False
    prefix: str = ""


Query = Sequence[Parameter]


def number_parameter(
    name: str, minimum: int, maximum: int, description: str, *, default: int | None = None
) -> Parameter:
    """Return a parameter that is a whole number from `minimum` to `maximum`."""
    schema = {"type": "integer", "minimum": minimum, "maximum": maximum}
    if default is not None:
        schema["default"] = default
    return Parameter(name, lambda typed: parse_whole_number(typed, name, minimum, maximum), schema, description)


def choice_parameter(name: str, choices: Sequence[str], description: str, *, default: str | None = None) -> Parameter:
    """Return a parameter that is one of `choices`."""

    def parse(typed: str) -> str:
        if typed not in choices:
            raise rejected("not-a-choice", f"{name} must be {' or '.join(choices)}.")
        return typed

    schema: dict[str, object] = {"type": "string", "enum": list(choices)}
    if default is not None:
        schema["default"] = default
    return Parameter(name, parse, schema, description)


def time_parameter(name: str, description: str) -> Parameter:
    """Return a parameter that is a time with its offset (RFC 3339)."""
    return Parameter(name, parse_time, {"type": "string", "format": "date-time"}, description)


def text_parameter(name: str, description: str, *, max_length: int = MAX_TEXT) -> Parameter:
    """Return a parameter that is a text of at most `max_length` characters, with the same rules as texts in bodies."""
    schema = {"type": "string", "minLength": 1, "maxLength": max_length}
    return Parameter(
        name, lambda typed: text(typed, name, max_length=max_length, allow_empty=False), schema, description
    )


def parse_query(raw: bytes, query: Query) -> dict[str, Any]:
    """Return the value of each parameter in the query string `raw`.

    Raises InvalidParameters, which lists every fault: rejected values, and parameters that are unknown,
    empty or sent twice.
    """
    return parse_parameters(_decode_pairs(raw), query)


def parse_parameters(sent: Iterable[tuple[str, str]], query: Query) -> dict[str, Any]:
    """Return the value of each parameter in `sent`, which has pairs of name and text. Raises InvalidParameters."""
    known = {parameter.prefix or parameter.name: parameter for parameter in query}
    values: dict[str, Any] = {}
    seen: set[str] = set()
    faults: list[FieldError] = []
    for name, typed in sent:
        # One fault more than the response lists is enough to say that there are more.
        if len(faults) > MAX_ERRORS:
            break
        try:
            parameter = _find_parameter(name, typed, known, seen)
            value = parameter.parse(typed)
        except Rejected as rejection:
            faults.extend(fault.under(field_pointer(name)) for fault in rejection.faults)
            continue
        if parameter.repeats:
            values.setdefault(name, []).append(value)
        else:
            values[name] = value
    if faults:
        raise InvalidParameters.of(faults)
    return values


def _find_parameter(name: str, typed: str, known: Mapping[str, Parameter], seen: set[str]) -> Parameter:
    """Return the parameter named `name`, or the one with its prefix, up to the first dot.

    Raises Rejected if it's unknown, repeated or empty.
    """
    parameter = known.get(name) or known.get(name[: name.find(".") + 1])
    # Reject unknown names instead of ignoring them: a misspelled filter would select everything.
    if parameter is None:
        allowed = ", ".join(each.name for each in known.values())
        names = f"The allowed parameters are: {allowed}." if known else "This endpoint has no parameters."
        raise rejected("unknown-parameter", names)
    if name in seen and not parameter.repeats:
        raise rejected("repeated-parameter", f"{name} is sent more than once. Send it once.")
    seen.add(name)
    if not typed:
        raise rejected("empty-parameter", f"{name} has no value. Add a value, or omit the parameter.")
    return parameter


def _decode_pairs(raw: bytes) -> list[tuple[str, str]]:
    """Return names and texts. Raises InvalidParameters if there are more than MAX_PARAMETERS, or if it isn't UTF-8."""
    try:
        typed = raw.decode("utf-8")
        # parse_qsl counts the parameters before it decodes any, so a huge query costs little.
        return parse_qsl(typed, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except UnicodeDecodeError:
        fault = FieldError("", "not-utf-8", "The query is not percent-encoded UTF-8.")
    except ValueError:
        fault = FieldError("", "too-many", f"The query has more than {MAX_PARAMETERS} parameters.")
    raise InvalidParameters.of([fault])
