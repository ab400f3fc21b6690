"""JSON object from the server, read field by field with the type that each must have."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final, TypeVar

from latchkey.client.failures import WrongServer
from latchkey.timestamps import parse_rfc3339

_Value = TypeVar("_Value")
_TYPE_NAMES: Final = {str: "text", int: "a whole number", bool: "true or false", list: "a list", dict: "an object"}


class Document:
    """A JSON object in a response.

    Every reading method raises WrongServer if the field is missing or of another type. Other fields are ignored:
    later versions of the server have more.
    """

    def __init__(self, value: object, kind: str) -> None:
        if not isinstance(value, dict):
            raise WrongServer(f"The response has no {kind}.")
        self.fields: dict[str, Any] = value
        self._kind = kind

    def text(self, name: str) -> str:
        return self._read(name, str)

    def integer(self, name: str) -> int:
        return self._read(name, int)

    def boolean(self, name: str) -> bool:
        return self._read(name, bool)

    def mapping(self, name: str) -> Mapping[str, Any]:
        return self._read(name, dict)

    def texts(self, name: str) -> list[str]:
        value = self._read(name, list)
        if not all(isinstance(element, str) for element in value):
            raise WrongServer(f"The response's {self._kind} has a {name} that is not a list of text.")
        return value

    def documents(self, name: str, kind: str) -> list["Document"]:
        return [Document(element, kind) for element in self._read(name, list)]

    def document(self, name: str, kind: str) -> "Document":
        return Document(self._read(name, dict), kind)

    def time(self, name: str) -> datetime:
        try:
            return parse_rfc3339(self.text(name))
        except ValueError:
            raise WrongServer(f"The response's {self._kind} has a {name} that is not a time with an offset.") from None

    def date(self, name: str) -> date:
        try:
            return date.fromisoformat(self.text(name))
        except ValueError:
            raise WrongServer(f"The response's {self._kind} has a {name} that is not a date.") from None

    def has(self, name: str) -> bool:
        """Return whether the field is present and not null."""
        return self.fields.get(name) is not None

    def _read(self, name: str, expected_type: type[_Value]) -> _Value:
        value = self.fields.get(name)
        # In Python, True and False are integers too.
        if not isinstance(value, expected_type) or (expected_type is int and isinstance(value, bool)):
            raise WrongServer(f"The response's {self._kind} has no {name} that is {_TYPE_NAMES[expected_type]}.")
        return value
