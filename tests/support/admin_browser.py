"""A superuser in the admin, in this process, over a database of synthetic keys. Needs Django to be set up."""

import re
import time
from typing import Final

from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apikeys.models import APIKey
from console.demo_data.synthetic_keys import COMMON_WORD, synthetic_key_id, unique_word
from console.keys.filters import FILTERS
from console.keys.order import ORDERS

EMPTY_PAGE: Final = "empty page"
"""A page that shows no data, to compare others with."""

_LIST: Final = "/admin/apikeys/apikey/"
_OTHERS: Final = {
    "overview": "",
    "owners": "apikeys/owner/",
    "plans": "apikeys/plan/",
    "incidents": "health/incident/",
    "guard rails": "guard-rails/",
    "waivers": "health/waiver/",
    "events": "events/event/",
    "webhooks": "events/webhookendpoint/",
    "access": "auth/user/",
}
_LOOKS: Final = 2


class AdminBrowser:
    """A signed-in browser. Raises RuntimeError for any page whose status is not 200."""

    def __init__(self) -> None:
        self._client = Client(SERVER_NAME="127.0.0.1")
        self._client.force_login(User.objects.get_or_create(username="bench", is_superuser=True, is_staff=True)[0])

    def paths(self, keys: int) -> dict[str, str]:
        """Return the paths of the pages by name, for so many synthetic keys."""
        middle = keys // 2
        key = APIKey.objects.get(key_id=synthetic_key_id(middle))
        return {
            EMPTY_PAGE: "/admin/password_change/",
            "key list": _LIST,
            "second page": f"{_LIST}?cursor={self._cursor()}",
            "rare search": f"{_LIST}?q={unique_word(middle)}",
            "common search": f"{_LIST}?q={COMMON_WORD}",
            "key id search": f"{_LIST}?q={key.key_id[:6]}",
            "substring": f"{_LIST}?q={unique_word(middle)[2:]}",
            "search and filter": f"{_LIST}?q={COMMON_WORD}&filter=disabled",
            **{f"filter {name}": f"{_LIST}?filter={name}" for name in FILTERS},
            **{f"sort {name}": f"{_LIST}?sort={name}" for name in ORDERS},
            "key page": f"{_LIST}{key.key_id}/change/",
            **{name: f"/admin/{path}" for name, path in _OTHERS.items()},
        }

    def queries(self, path: str) -> int:
        """Return how many queries the page takes, without those of occasional work, such as noting the session's use."""
        self.milliseconds(path)
        counts = []
        for _ in range(_LOOKS):
            with CaptureQueriesContext(connection) as captured:
                self.milliseconds(path)
            counts.append(len(captured))
        return min(counts)

    def milliseconds(self, path: str) -> float:
        """Return the milliseconds from the request to the whole response."""
        began = time.perf_counter()
        self._get(path)
        return (time.perf_counter() - began) * 1000

    def _cursor(self) -> str:
        found = re.search(r"[?&;]cursor=([\w-]+)", self._get(_LIST))
        if found is None:
            raise RuntimeError("The list of keys leads to no second page.")
        return found[1]

    def _get(self, path: str) -> str:
        response = self._client.get(path)
        if response.status_code != 200:
            raise RuntimeError(f"{path} returned {response.status_code}.")
        return response.content.decode()
