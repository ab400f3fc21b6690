"""Creation of resources, once per Idempotency-Key."""

from collections.abc import Callable

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from api.permissions import caller
from apikeys.idempotency import Creation, NamedRequest, create_once
from latchkey import headers


def created(
    request: Request,
    create: Callable[[], Creation],
    content: object = None,
    committed_fields: Callable[[], dict[str, str]] = dict,
) -> Response:
    """Return a 201 with the result of `create`, or with the stored result if this Idempotency-Key was sent before.

    `content` is what a repeated request has to have in common with the first one: by default, its body.
    `committed_fields` returns header fields that are known only after the commit. The stored result has none of them.
    """
    name = request.headers.get(headers.IDEMPOTENCY_KEY)
    if name is None:
        made = create()
    else:
        named = NamedRequest(caller(request).key_id, name, request.path, content or request.data)
        made = create_once(named, create, timezone.now())
    # With an Idempotency-Key, `create` returns before the commit.
    return Response(made.body, status=201, headers={**made.fields, **committed_fields()})
