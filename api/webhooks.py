"""/v1/webhooks: endpoints that receive events, their secrets, and the progress of delivery."""

from collections.abc import Iterable
from typing import Final

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.base import NO_STORE, KeyAPIView, etag, service_for
from api.creation import created
from api.permissions import caller, require_scope
from api.schemas import webhooks as schemas
from api.schemas.fields import IDEMPOTENCY_KEY, IF_MATCH, etag_field
from apikeys.idempotency import Creation
from apikeys.representation import receipt_json
from events.models import WebhookEndpoint
from events.webhooks.change_events import url_origin
from events.webhooks.lookup import find_webhook
from events.webhooks.representation import issued_webhook_json, webhook_json
from events.webhooks.service import WebhookService

READ: Final = "webhooks:read"
WRITE: Final = "webhooks:write"


class WebhookCollection(KeyAPIView):
    """All webhooks."""

    scopes = {"GET": READ, "POST": WRITE}

    @extend_schema(operation_id="list_webhooks", responses=schemas.WebhookList)
    def get(self, request: Request) -> Response:
        """List all webhooks, oldest first."""
        now = timezone.now()
        return Response({"items": [webhook_json(endpoint, now) for endpoint in WebhookEndpoint.objects.all()]})

    @extend_schema(
        operation_id="create_webhook",
        parameters=[IDEMPOTENCY_KEY, etag_field(201)],
        request=schemas.WebhookCreate,
        responses={201: schemas.CreatedWebhook},
    )
    def post(self, request: Request) -> Response:
        """Add a webhook. Needs `events:read` too. No other response shows its signing secret. With an Idempotency-Key
        that was sent before, the response is the same without `secret`, and with the origin of the URL alone.
        """
        service = _service_of_event_reader(request)
        return created(request, lambda: self._create(request, service))

    def _create(self, request: Request, service: WebhookService) -> Creation:
        issued, now = service.add(request.data), timezone.now()
        body = issued_webhook_json(issued, now)
        # A URL may contain a token, and this response is stored.
        again = {**webhook_json(issued.endpoint, now), "url": url_origin(issued.endpoint.url)}
        location = f"/v1/webhooks/{issued.endpoint.endpoint_id}"
        return Creation(body, again, {**NO_STORE, **etag(issued.endpoint.revision), "Location": location})


class WebhookItem(KeyAPIView):
    """One webhook."""

    scopes = {"GET": READ, "PATCH": WRITE, "DELETE": WRITE}

    @extend_schema(operation_id="show_webhook", parameters=[etag_field(200)], responses=schemas.Webhook)
    def get(self, request: Request, webhook_id: str) -> Response:
        """Show a webhook, and how far delivery has got."""
        endpoint = find_webhook(webhook_id)
        return Response(webhook_json(endpoint, timezone.now()), headers=etag(endpoint.revision))

    @extend_schema(
        operation_id="update_webhook",
        parameters=[IF_MATCH, etag_field(200)],
        request=schemas.WebhookUpdate,
        responses=schemas.CHANGED_WEBHOOK,
    )
    def patch(self, request: Request, webhook_id: str) -> Response:
        """Change a webhook. Needs `events:read` too. Fields that are not sent stay; an endpoint that is enabled goes on
        where delivery stopped. Without `webhooks:read` the response has `id` and the fields that were sent, and no
        others.
        """
        endpoint = _service_of_event_reader(request).update(webhook_id, request.data)
        return Response(_changed_json(request, endpoint, written=request.data), headers=etag(endpoint.revision))

    @extend_schema(operation_id="remove_webhook", parameters=[IF_MATCH], responses={204: None})
    def delete(self, request: Request, webhook_id: str) -> Response:
        """Remove a webhook. Events that are not delivered yet are dropped."""
        service_for(request).webhooks.remove(webhook_id)
        return Response(status=204)


class WebhookSecretRotation(KeyAPIView):
    """The rotation of one webhook's signing secret."""

    scopes = {"POST": WRITE}
    problems = {"POST": ("rotation-in-progress",)}

    @extend_schema(
        operation_id="rotate_webhook_secret",
        parameters=[IF_MATCH, etag_field(200)],
        request=schemas.WebhookRotate,
        responses=schemas.ROTATED_WEBHOOK,
    )
    def post(self, request: Request, webhook_id: str) -> Response:
        """Rotate a webhook's secret. No other response shows the new one; the old one signs as well for grace_seconds.
        Without `webhooks:read` the response has `id` and `secret`, and no other fields.
        """
        issued = service_for(request).webhooks.rotate_secret(webhook_id, request.data)
        body = _changed_json(request, issued.endpoint) | {"secret": issued.secret}
        return Response(body, headers={**NO_STORE, **etag(issued.endpoint.revision)})


class WebhookTest(KeyAPIView):
    """A test of one webhook."""

    scopes = {"POST": WRITE}

    @extend_schema(
        operation_id="test_webhook",
        parameters=[IF_MATCH, etag_field(202)],
        request=None,
        responses={202: schemas.CHANGED_WEBHOOK},
    )
    def post(self, request: Request, webhook_id: str) -> Response:
        """Request a test delivery. `last_test` shows its result soon. Without `webhooks:read` the response has `id` and
        no other fields.
        """
        endpoint = service_for(request).webhooks.request_test(webhook_id)
        return Response(_changed_json(request, endpoint), status=202, headers=etag(endpoint.revision))


def _service_of_event_reader(request: Request) -> WebhookService:
    """Return the service that writes webhooks. Raises InsufficientScope if the key may not read events."""
    # Through a webhook the key would receive all events.
    require_scope(caller(request), "events:read")
    return service_for(request).webhooks


def _changed_json(request: Request, endpoint: WebhookEndpoint, written: Iterable[str] = ()) -> dict[str, object]:
    """Return the webhook after a change, or a receipt if the caller may not read webhooks."""
    shown = webhook_json(endpoint, timezone.now())
    return shown if caller(request).allows(READ) else receipt_json(shown, written)
