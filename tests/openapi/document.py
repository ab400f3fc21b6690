"""The OpenAPI document as the tests read it: its calls, and whether a value is what it promises."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, Final

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from api.openapi_page import document as built

_URI: Final = "urn:latchkey"
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
FORMATS: Final = FormatChecker([])
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")
FORMATS.checks("date-time")(lambda value: not isinstance(value, str) or _TIME.fullmatch(value) is not None)
FORMATS.checks("date")(lambda value: not isinstance(value, str) or _is_date(value))


def _is_date(text: str) -> bool:
    try:
        return _DATE.fullmatch(text) is not None and bool(date.fromisoformat(text))
    except ValueError:
        return False


@dataclass(frozen=True)
class Operation:
    """A call of the document."""

    method: str
    path: str
    call: dict[str, Any]

    @property
    def parameters(self) -> list[dict[str, Any]]:
        return list(self.call.get("parameters", []))

    @property
    def examples(self) -> dict[str, Any]:
        """The bodies that the document shows, by their name."""
        content = self.call.get("requestBody", {}).get("content", {}).get("application/json", {})
        return {name: example["value"] for name, example in content.get("examples", {}).items()}

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@cache
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(built()[0])
    return found


@cache
def operations() -> tuple[Operation, ...]:
    return tuple(
        Operation(method.upper(), path, call)
        for path, calls in document()["paths"].items()
        for method, call in calls.items()
    )


def accepts(schema: dict[str, Any], value: object) -> bool:
    """Whether a schema of the document accepts a value."""
    return not list(_faults(schema, value))


def check_response(operation: Operation, status: int, media_type: str, body: bytes) -> None:
    """Fail unless the document promises such a response, with each field of it."""
    responses = operation.call["responses"]
    assert str(status) in responses, f"{operation} returned {status}: {body.decode()}"
    content = responses[str(status)].get("content", {})
    if not content:
        assert not body
        return
    assert media_type in content, f"{operation} returned {status} as {media_type}"
    if media_type.endswith("json"):
        assert list(_faults(content[media_type]["schema"], json.loads(body), closed=True)) == []


@cache
def _closed() -> dict[str, Any]:
    """The document with every object closed, so that a field that is not in it is found."""
    copy: dict[str, Any] = json.loads(json.dumps(document()))
    for schema in copy["components"]["schemas"].values():
        for each in _objects(schema):
            each.setdefault("additionalProperties", False)
    return copy


def _objects(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if "properties" in schema and schema.get("type") == "object":
            yield schema
        for member in schema.values():
            yield from _objects(member)


@cache
def _registry(closed: bool) -> Registry[Any]:
    text = json.dumps(_closed() if closed else document())
    empty: Registry[Any] = Registry()
    found: Registry[Any] = empty.with_resource(_URI, DRAFT202012.create_resource(json.loads(_for_python(text))))
    return found


@cache
def _validator(schema: str, closed: bool) -> Draft202012Validator:
    absolute = json.loads(_for_python(schema.replace('"#/', f'"{_URI}#/')))
    return Draft202012Validator(absolute, registry=_registry(closed), format_checker=FORMATS)


def _for_python(text: str) -> str:
    """Let a pattern end where it ends in ECMAScript: in Python `$` is ahead of a last line break too."""
    return re.sub(r'("pattern": "(?:[^"\\]|\\.)*)\$"', r'\1\\\\Z"', text)


def _faults(schema: dict[str, Any], value: object, *, closed: bool = False) -> Iterator[str]:
    for error in _validator(json.dumps(schema), closed).iter_errors(value):
        yield f"{error.json_path}: {error.message[:200]}"
