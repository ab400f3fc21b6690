"""JSON object from the server, read field by field with the type that each must have."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

from latchkey.client.failures import WrongServer
from latchkey.timestamps import parse_rfc3339

_Value = TypeVar("_Value")
_KINDS: Final = {str: "text", int: "a whole number", bool: "true or false", list: "a list", dict: "an object"}


class Document:
    """A JSON object in a response.

    Every reading method raises WrongServer if the field is missing or of another type. Other fields are ignored:
    later versions of the server have more.
    """

    def __init__(self, value: object, what: str) -> None:
        if not isinstance(value, dict):
            raise WrongServer(f"The response has no {what}.")
        self.members: dict[str, Any] = value
        self._what = what

    def text(self, name: str) -> str:
        return self._read(name, str)

    def integer(self, name: str) -> int:
        return self._read(name, int)

    def flag(self, name: str) -> bool:
        return self._read(name, bool)

    def mapping(self, name: str) -> Mapping[str, Any]:
        return self._read(name, dict)

    def texts(self, name: str) -> list[str]:
        found = self._read(name, list)
        if not all(isinstance(element, str) for element in found):
            raise WrongServer(f"The response's {self._what} has a {name} that is not a list of text.")
        return found

    def documents(self, name: str, what: str) -> list["Document"]:
        return [Document(element, what) for element in self._read(name, list)]

    def document(self, name: str, what: str) -> "Document":
        return Document(self._read(name, dict), what)

    def moment(self, name: str) -> datetime:
        try:
            return parse_rfc3339(self.text(name))
        except ValueError:
            raise WrongServer(f"The response's {self._what} has a {name} that is not a time with an offset.") from None

    def has(self, name: str) -> bool:
        """Return whether the field is present and not null."""
        return self.members.get(name) is not None

    def _read(self, name: str, kind: type[_Value]) -> _Value:
        found = self.members.get(name)
        # In Python, True and False are integers too.
        if not isinstance(found, kind) or (kind is int and isinstance(found, bool)):
            raise WrongServer(f"The response's {self._what} has no {name} that is {_KINDS[kind]}.")
        return found
