"""The calls about keys."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypedDict, Unpack

from latchkey.client.document import Document
from latchkey.client.key import IssuedKey, Key
from latchkey.client.rate_limit import RateLimit
from latchkey.client.transport import Transport
from latchkey.credentials import KEY_ID_PATTERN
from latchkey.timestamps import rfc3339

LARGEST_PAGE: Final = 200


def key_path(key_id: str) -> str:
    """The path of a key. Raises ValueError for what is no key id, so that no id leads to another path."""
    if not KEY_ID_PATTERN.fullmatch(key_id):
        raise ValueError("a key id is lk_ and 12 characters of 0-9 and a-z")
    return f"/v1/keys/{key_id}"


class KeyValues(TypedDict, total=False):
    """What a key is made with. `rate_limit` None is unlimited; `expires_at` None is never."""

    owner: str
    scopes: Sequence[str]
    rate_limit: RateLimit | None
    expires_at: datetime | None
    metadata: Mapping[str, Any]


class KeyChanges(KeyValues, total=False):
    """What can be changed of a key; what is not named stays."""

    label: str
    enabled: bool


@dataclass(frozen=True, slots=True)
class KeyPage:
    """Keys, newest first; `next` is the cursor of the page that follows, None at the end."""

    keys: tuple[Key, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Keys:
    """Every method raises ClientError, and ValueError for what is no key id."""

    transport: Transport

    def page(
        self, *, cursor: str | None = None, limit: int | None = None, q: str | None = None, state: str | None = None
    ) -> KeyPage:
        """One page of 1 to LARGEST_PAGE keys. `q` begins the key id or stands in the label or the owner; `state` is
        active, disabled, expired, revoked, unlimited or rotating.
        """
        asked = {"cursor": cursor, "limit": limit, "q": q, "state": state}
        params = {name: str(value) for name, value in asked.items() if value is not None}
        page = Document(self.transport.call("GET", "/v1/keys", params=params), "page")
        keys = tuple(Key.read(key) for key in page.documents("items", "key"))
        return KeyPage(keys, page.text("next") if page.has("next") else None)

    def list(self, *, q: str | None = None, state: str | None = None) -> Iterator[Key]:
        """All keys that fit, newest first, page by page as they are taken."""
        cursor: str | None = None
        while True:
            page = self.page(cursor=cursor, limit=LARGEST_PAGE, q=q, state=state)
            yield from page.keys
            cursor = page.next
            if cursor is None:
                return

    def show(self, key_id: str) -> Key:
        """The key."""
        return self._key("GET", key_id)

    def create(self, label: str, **values: Unpack[KeyValues]) -> IssuedKey:
        """Issues a key. Its credential is in this answer alone."""
        return self._issued("/v1/keys", {"label": label, **_as_json(values)})

    def update(self, key_id: str, **changes: Unpack[KeyChanges]) -> Key:
        """Changes what is named; the change holds from the next request on."""
        return self._key("PATCH", key_id, json=_as_json(changes))

    def disable(self, key_id: str) -> Key:
        """Refuses the key until it is enabled again."""
        return self.update(key_id, enabled=False)

    def enable(self, key_id: str) -> Key:
        """Lets a disabled key pass again."""
        return self.update(key_id, enabled=True)

    def revoke(self, key_id: str) -> None:
        """Ends the key, for ever."""
        self.transport.call("DELETE", key_path(key_id))

    def rotate(self, key_id: str, *, grace_seconds: int = 86_400) -> IssuedKey:
        """Makes a new secret, which is in this answer alone; the old one works on for `grace_seconds`, 0 to 2592000."""
        return self._issued(f"{key_path(key_id)}/rotate", {"grace_seconds": grace_seconds})

    def finish_rotation(self, key_id: str) -> Key:
        """Ends the retiring secret now."""
        return self._key("POST", key_id, "/rotate/finish")

    def _key(self, method: str, key_id: str, rest: str = "", json: object = None) -> Key:
        return Key.read(Document(self.transport.call(method, key_path(key_id) + rest, json=json), "key"))

    def _issued(self, path: str, json: object) -> IssuedKey:
        return IssuedKey.read(Document(self.transport.call("POST", path, json=json), "key"))


def _as_json(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _member(value) for name, value in values.items()}


def _member(value: object) -> object:
    if isinstance(value, RateLimit):
        return value.as_json()
    return rfc3339(value) if isinstance(value, datetime) else value
