"""Calls about plans."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from latchkey import headers
from latchkey.client.document import Document
from latchkey.client.names import named_path
from latchkey.client.pages import Page, PagedList
from latchkey.client.plan import Plan, PlanLimit
from latchkey.client.transport import Transport

_PATH: Final = "/v1/plans"


@dataclass(frozen=True, slots=True)
class Plans:
    """Calls about plans. Every method raises ClientError, and ValueError for a text that can't be a name.

    `limits` are PlanLimits, or objects in the shape of the API's JSON. `if_match` is the `etag` of the plan on which
    the change was decided. If the plan was changed since, nothing is done and ReceivedProblem with the slug
    `precondition-failed` is raised.
    """

    transport: Transport

    def page(self, *, cursor: str | None = None, limit: int | None = None) -> Page[Plan]:
        """Return one page of plans."""
        return self._listed.page(cursor=cursor, limit=limit)

    def list(self) -> Iterator[Plan]:
        """Yield all plans. Each page is fetched when it's needed."""
        return self._listed.all()

    def show(self, name: str) -> Plan:
        """Return the plan."""
        received = self.transport.receive("GET", named_path(_PATH, name))
        return Plan.read(Document(received.value, "plan"), received.etag)

    def create(self, name: str, limits: Sequence[PlanLimit | Mapping[str, Any]]) -> Plan:
        """Create a plan. Keys and owners get it afterwards, by their field `plan`."""
        received = self.transport.receive("POST", _PATH, json={"name": name, "limits": _as_json(limits)})
        return Plan.read(Document(received.value, "plan"), received.etag)

    def update(
        self, name: str, limits: Sequence[PlanLimit | Mapping[str, Any]], *, if_match: str | None = None
    ) -> Plan:
        """Replace the limits of a plan, for all keys and owners that have it. What is used of a limit stays used."""
        fields = {} if if_match is None else {headers.IF_MATCH: if_match}
        sent = {"limits": _as_json(limits)}
        received = self.transport.receive("PATCH", named_path(_PATH, name), json=sent, header_fields=fields)
        return Plan.read(Document(received.value, "plan"), received.etag)

    def remove(self, name: str, *, if_match: str | None = None) -> None:
        """Remove a plan that no key and no owner has."""
        fields = {} if if_match is None else {headers.IF_MATCH: if_match}
        self.transport.call("DELETE", named_path(_PATH, name), header_fields=fields)

    @property
    def _listed(self) -> PagedList[Plan]:
        return PagedList(self.transport, _PATH, "plan", Plan.read)


def _as_json(limits: Sequence[PlanLimit | Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    return [limit.as_json() if isinstance(limit, PlanLimit) else limit for limit in limits]
