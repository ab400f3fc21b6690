"""Response that has been received as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Response:
    """A response. The names of `fields` are in lower case."""

    status: int
    fields: Mapping[str, str]
    body: bytes | bytearray

    def field(self, name: str) -> str | None:
        """Return the value of a field, or None."""
        return self.fields.get(name.lower())

    @property
    def is_success(self) -> bool:
        """Return whether the status is 2xx."""
        return 200 <= self.status < 300

    @property
    def is_redirect(self) -> bool:
        """Return whether the status is 3xx."""
        return 300 <= self.status < 400
