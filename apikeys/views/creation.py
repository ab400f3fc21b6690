"""Calls that create something, once for each Idempotency-Key."""

from collections.abc import Callable

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from apikeys.idempotency import Creation, NamedRequest, create_once
from apikeys.permissions import caller
from latchkey import headers


def created(request: Request, create: Callable[[], Creation]) -> Response:
    """Answer with what `create` makes, or made when this request was sent before with the same Idempotency-Key."""
    name = request.headers.get(headers.IDEMPOTENCY_KEY)
    if name is None:
        made = create()
    else:
        named = NamedRequest(caller(request).key_id, name, request.path, request.data)
        made = create_once(named, create, timezone.now())
    return Response(made.body, status=201, headers=made.fields)
