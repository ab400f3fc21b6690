"""Responses of the server: the JSON of a success, or the error that a response stands for."""

import json
from typing import Any, Final

import httpx

from latchkey import headers
from latchkey.client.document import Document
from latchkey.client.failures import CallingKeyThrottled, ClientError, NotJSON, ReceivedProblem, WrongServer
from latchkey.client.http1.response import Response
from latchkey.problem_catalogue import CATALOGUE, QUOTA_EXCEEDED_TYPE
from latchkey.problems import MEDIA_TYPE, FieldError

_JSON: Final = ("application/json", MEDIA_TYPE)
_PROXY_STATUSES: Final = (502, 503, 504)
_IDENTITY: Final = "identity"
_ADDRESS_POLICY: Final = "address"
"""Policy of a 429 that isn't about a key's limit: the client's address sent too many wrong credentials."""


def response_error(response: Response, url: str) -> ClientError:
    """Return the error that a response without success, to a request to `url`, stands for."""
    try:
        failure = _failure(response, url)
    except ClientError as unreadable:
        # A response that isn't a readable problem is an error of another kind, not a crash.
        failure = unreadable
    failure.status = response.status
    return failure


def _failure(response: Response, url: str) -> ClientError:
    if response.is_redirect:
        return WrongServer(_redirect_message(response, url))
    if _media_type(response) == MEDIA_TYPE:
        return _parse_problem(response, Document(response_json(response), "problem"))
    if _media_type(response) in _JSON:
        return WrongServer(f"The response is a {response.status} that is not from Latchkey.")
    by_proxy = " The proxy in front of Latchkey cannot reach it." if response.status in _PROXY_STATUSES else ""
    return NotJSON(f"The response is a {response.status} with {_media_type_text(response)}.{by_proxy}")


def check_origin(response: Response) -> None:
    """Raise WrongServer if a success lacks the header field that every response of Latchkey has."""
    # Many other servers respond to `/health` with a status in JSON.
    if response.field(headers.REQUEST_ID) is None and _media_type(response) in _JSON:
        raise WrongServer(f"The response has no {headers.REQUEST_ID}.")


def response_json(response: Response) -> Any:
    """Return the JSON of a response. Raises NotJSON."""
    if _media_type(response) not in _JSON:
        raise NotJSON(f"The response is a {response.status} with {_media_type_text(response)}.")
    # None is asked for, so this is a fault of a proxy.
    if response.fields.get("content-encoding", _IDENTITY) != _IDENTITY:
        raise NotJSON("The response cannot be decoded.")
    try:
        return json.loads(response.body)
    except (ValueError, RecursionError):
        raise NotJSON("The response is labeled as JSON, but is not valid JSON.") from None


def media_type(content_type: str | None) -> str:
    """Return the media type in a Content-Type in lower case, without its parameters."""
    return (content_type or "").partition(";")[0].strip().lower()


def _parse_problem(response: Response, document: Document) -> ReceivedProblem:
    type_uri = document.text("type")
    slug = "quota-exceeded" if type_uri == QUOTA_EXCEEDED_TYPE else type_uri.rpartition("/")[2]
    problem_type = CATALOGUE.get(slug)
    policies = document.texts("violated-policies") if document.has("violated-policies") else []
    # A 429 for the client's address doesn't say that the calling key's limit is exceeded.
    is_key_limit = slug == "quota-exceeded" and _ADDRESS_POLICY not in policies
    return (CallingKeyThrottled if is_key_limit else ReceivedProblem)(
        document.text("detail"),
        slug=slug,
        status=response.status,
        title=document.text("title") if document.has("title") or problem_type is None else problem_type.title,
        instance=document.text("instance") if document.has("instance") else "",
        request_id=document.text("request_id") if document.has("request_id") else "",
        errors=[
            FieldError(error.text("pointer"), error.text("code"), error.text("detail"))
            for error in (document.documents("errors", "error") if document.has("errors") else [])
        ],
        violated_policies=policies,
        retry_after_seconds=_retry_after(response),
        document=document.fields,
    )


def _retry_after(response: Response) -> int | None:
    """Return the seconds in Retry-After, or None."""
    text = response.field(headers.RETRY_AFTER) or ""
    # Latchkey sends whole seconds and never a date. Anything else was added by a proxy and is ignored.
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _redirect_message(response: Response, url: str) -> str:
    try:
        target = httpx.URL(url).join(response.fields["location"])
    except (KeyError, httpx.InvalidURL):
        return f"The response is a {response.status} without a valid Location."
    # Show only the origin: the path or the query may hold something private.
    origin = target.copy_with(path="/", query=None, fragment=None, username=None, password=None)
    return (
        f"The response redirects to {str(origin).rstrip('/')}. The key is not sent there automatically; use that URL."
    )


def _media_type(response: Response) -> str:
    return media_type(response.fields.get("content-type"))


def _media_type_text(response: Response) -> str:
    return _media_type(response) or "no media type"
