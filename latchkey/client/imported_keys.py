"""Result of importing a batch of keys."""

from collections.abc import Sequence
from dataclasses import dataclass

from latchkey.client.document import Document


@dataclass(frozen=True, slots=True)
class ImportedKeys:
    """How many keys were imported, and how many had been before. `errors` has a JSON pointer and a text each."""

    imported: int
    unchanged: int
    errors: Sequence[tuple[str, str]]

    @classmethod
    def read(cls, document: Document) -> "ImportedKeys":
        """Return the result in `document`. Raises WrongServer if its shape is wrong."""
        errors = [(error.text("pointer"), error.text("detail")) for error in document.documents("errors", "error")]
        return cls(document.integer("imported"), document.integer("unchanged"), errors)
