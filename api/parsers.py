"""Parser of request bodies: strict JSON of limited size."""

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.parsers import BaseParser

from apikeys.errors import MalformedRequest, TooLarge
from latchkey.strict_json import MAX_BYTES, MalformedJSON, loads


class StrictJSONParser(BaseParser):
    """DRF parser of application/json. Raises MalformedRequest or TooLarge."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        # One byte more than allowed is enough to detect a body that is too large, without reading all of it.
        body = stream.read(MAX_BYTES + 1)
        if len(body) > MAX_BYTES:
            raise TooLarge("The body has more than 64 KiB.")
        try:
            return loads(body)
        except MalformedJSON as error:
            raise MalformedRequest(str(error)) from None
