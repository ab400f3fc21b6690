"""Problem details (RFC 9457): the errors that become a problem response, and the one shape of its body."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from latchkey import headers
from latchkey.problem_catalogue import CATALOGUE
from latchkey.redaction import redact_tokens

MEDIA_TYPE: Final = "application/problem+json"
MAX_ERRORS: Final = 20
"""How many errors a problem lists, and validation looks for: a response must not be far larger than the body."""
_MAX_POINTER: Final = 256


@dataclass(frozen=True, slots=True)
class FieldError:
    """One rejected field of a request.

    `pointer` is an RFC 6901 JSON pointer into the body, "" for the whole body. `code` is stable and meant for
    programs. `detail` is a sentence for people and never repeats the rejected value.
    """

    pointer: str
    code: str
    detail: str

    def under(self, parent: str) -> "FieldError":
        """Return the same error with the JSON pointer `parent` in front of its own."""
        return FieldError(parent + self.pointer, self.code, self.detail)


def field_pointer(name: object) -> str:
    """Return the JSON pointer of an object's field, for its name."""
    return "/" + str(name).replace("~", "~0").replace("/", "~1")


def limit_errors(errors: Iterable[FieldError]) -> tuple[FieldError, ...]:
    """Return the first MAX_ERRORS errors, with their pointers cut to 256 characters and without secrets.

    If there are more, another error says so. At most one error beyond MAX_ERRORS is taken from `errors`.
    """
    found = tuple(islice(errors, MAX_ERRORS + 1))
    if len(found) > MAX_ERRORS:
        detail = f"The first {MAX_ERRORS} errors are listed. Fix them, and send the request again to see others."
        found = (*found[:MAX_ERRORS], FieldError("", "more-errors", detail))
    # A pointer holds names that the client chose, so it may hold a secret.
    return tuple(replace(error, pointer=_without_secret(error.pointer)) for error in found)


def _without_secret(pointer: str) -> str:
    """Return `pointer` without secrets, and cut if it's too long."""
    # Redact before the cut: half a secret can't be recognized.
    pointer = redact_tokens(pointer)
    return pointer if len(pointer) <= _MAX_POINTER else pointer[:_MAX_POINTER] + "…"


class ProblemError(Exception):
    """Base class of errors that become a problem response: the root of each app's small tree of errors.

    `slug` is the entry of CATALOGUE, the message is the problem's `detail`. Neither repeats a rejected value, and
    secrets are removed. `errors` and `violated_policies` are the problem's fields of these names.
    """

    slug: str = "internal-error"

    def __init__(
        self,
        detail: str,
        *,
        errors: Iterable[FieldError] = (),
        violated_policies: Iterable[str] = (),
        retry_after_seconds: int | None = None,
    ) -> None:
        self.detail = redact_tokens(detail)
        super().__init__(self.detail)
        self.errors = limit_errors(errors)
        self.violated_policies = tuple(violated_policies)
        self.retry_after_seconds = retry_after_seconds


def problem_body(
    slug: str,
    *,
    detail: str,
    instance: str,
    request_id: str,
    public_url: str,
    errors: Iterable[FieldError] = (),
    violated_policies: Iterable[str] = (),
) -> dict[str, object]:
    """Return the body of a problem response, in the one shape that every 4xx and 5xx has.

    `instance` is the request's path without its query; secrets in it are removed. `errors` belongs to
    `invalid-parameters` and `malformed-request`, `violated_policies` to `quota-exceeded` ("key" or "address").
    """
    problem = CATALOGUE[slug]
    body: dict[str, object] = {
        "type": problem.uri(public_url),
        "title": problem.title,
        "status": problem.status,
        "detail": detail,
        "instance": redact_tokens(instance),
        "request_id": request_id,
    }
    listed = errors_json(errors)
    if listed:
        body["errors"] = listed
    policies = list(violated_policies)
    if policies:
        body["violated-policies"] = policies
    return body


def errors_json(errors: Iterable[FieldError]) -> list[dict[str, str]]:
    """Return the errors as a problem's `errors` lists them."""
    return [{"pointer": error.pointer, "code": error.code, "detail": error.detail} for error in errors]


def problem_body_of(error: ProblemError, *, instance: str, request_id: str, public_url: str) -> dict[str, object]:
    """Return the body of the response to an error."""
    return problem_body(
        error.slug,
        detail=error.detail,
        instance=instance,
        request_id=request_id,
        public_url=public_url,
        errors=error.errors,
        violated_policies=error.violated_policies,
    )


def problem_headers(error: ProblemError) -> list[tuple[str, str]]:
    """Return the header fields of the response to an error, in addition to those of every response."""
    fields = [headers.NO_STORE]
    if CATALOGUE[error.slug].status == 401:
        fields.append(("WWW-Authenticate", headers.CHALLENGE))
    if error.retry_after_seconds is not None:
        fields.append((headers.RETRY_AFTER, str(error.retry_after_seconds)))
    return fields
