"""OpenAPI description of one operation, derived from its view: docstring, scopes, parameters and problems."""

from collections.abc import Iterator
from typing import Any, Final

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework.serializers import Serializer

from api.base import CALLER_PROBLEMS, KeyAPIView
from latchkey import headers
from latchkey.problem_catalogue import CATALOGUE
from latchkey.problems import MEDIA_TYPE

_OF_BODIES: Final = ("malformed-request", "too-large", "unsupported-media-type", "invalid-parameters")
_REQUEST_ID: Final = {"$ref": "#/components/headers/RequestId"}
_RETRY_AFTER: Final = {"$ref": "#/components/headers/RetryAfter"}


class OperationSchema(AutoSchema):
    """Schema of an operation. The first sentence of the method's docstring is the summary, the rest the description."""

    def get_summary(self) -> str:
        return self._sentences()[0].rstrip(".")

    def get_description(self) -> str:  # type: ignore[override]
        """Return the rest of the docstring, followed by the required scope."""
        scope = getattr(self.view, "scopes", {}).get(self.method)
        needs = [f"Needs the scope `{scope}`."] if scope else []
        return " ".join([*self._sentences()[1:], *needs])

    def get_tags(self) -> list[str]:
        return [getattr(self.view, "tag", "") or self.path.removeprefix("/v1").split("/")[1]]

    def get_override_parameters(self) -> list[OpenApiParameter | Serializer[Any] | type[Serializer[Any]]]:
        """Return the view's query parameters."""
        query = getattr(self.view, "queries", {}).get(self.method, ())
        return [OpenApiParameter(it.name, dict(it.schema), description=it.description) for it in query]

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        """Return the operation, including every problem response."""
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        for response in operation["responses"].values():
            response["description"] = response.get("description") or "Done."
        sent = {parameter["name"] for parameter in operation.get("parameters", ())}
        slugs = dict.fromkeys([*self._problems("requestBody" in operation), *_problems_of_fields(sent)])
        for status in sorted({CATALOGUE[slug].status for slug in slugs}):
            if str(status) not in operation["responses"]:
                operation["responses"][str(status)] = _response(status, slugs)
        for response in operation["responses"].values():
            response.setdefault("headers", {})[headers.REQUEST_ID] = _REQUEST_ID
        return operation

    def _sentences(self) -> list[str]:
        action = getattr(self.view, self.method.lower())
        return " ".join((action.__doc__ or "").split()).replace(". ", ".\n").split("\n")

    def _problems(self, has_body: bool) -> Iterator[str]:
        if isinstance(self.view, KeyAPIView):
            yield from CALLER_PROBLEMS
            yield "not-acceptable"
            if self.method in self.view.scopes:
                yield "insufficient-scope"
        if "{" in self.path:
            yield "not-found"
        if has_body:
            yield from _OF_BODIES
        yield from getattr(self.view, "problems", {}).get(self.method, ())


def _problems_of_fields(names: set[str]) -> Iterator[str]:
    if headers.IF_MATCH in names:
        yield from ("malformed-request", "precondition-failed")
    if headers.IDEMPOTENCY_KEY in names:
        yield "malformed-request"


def _response(status: int, slugs: dict[str, None]) -> dict[str, Any]:
    problems = [CATALOGUE[slug] for slug in slugs if CATALOGUE[slug].status == status]
    response: dict[str, Any] = {
        "description": "\n".join(f"- `{problem.slug}`: {problem.title}." for problem in problems),
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status == 429:
        response["headers"] = {headers.RETRY_AFTER: _RETRY_AFTER}
    return response
