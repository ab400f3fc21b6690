"""/v1/webhooks: where events are sent, with which secret, and how far delivery has got."""

from typing import Final

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apikeys import webhook_schemas as schemas
from apikeys.permissions import caller, require_scope
from apikeys.views.base import KeyAPIView, service_for
from apikeys.views.keys import NO_STORE
from events.webhooks.endpoints import WebhookEndpoints
from events.webhooks.lookup import find_webhook
from events.webhooks.models import WebhookEndpoint
from events.webhooks.representation import issued_webhook_json, webhook_json

READ: Final = "webhooks:read"
WRITE: Final = "webhooks:write"


class WebhookCollection(KeyAPIView):
    """All webhooks."""

    scopes = {"GET": READ, "POST": WRITE}

    @extend_schema(operation_id="list_webhooks", responses=schemas.WebhookList)
    def get(self, request: Request) -> Response:
        """All webhooks, oldest first; there are 50 at most."""
        now = timezone.now()
        return Response(
            {"items": [webhook_json(endpoint, now, whole_url=True) for endpoint in WebhookEndpoint.objects.all()]}
        )

    @extend_schema(operation_id="create_webhook", request=schemas.WebhookCreate, responses={201: schemas.IssuedWebhook})
    def post(self, request: Request) -> Response:
        """Adds a webhook; needs `events:read` too. The answer shows its signing secret, this once."""
        issued = _writer_of_readers(request).add(request.data)
        headers = {**NO_STORE, "Location": f"/v1/webhooks/{issued.endpoint.endpoint_id}"}
        return Response(
            issued_webhook_json(issued, timezone.now(), whole_url=_reads(request)), status=201, headers=headers
        )


class WebhookItem(KeyAPIView):
    """One webhook."""

    scopes = {"GET": READ, "PATCH": WRITE, "DELETE": WRITE}

    @extend_schema(operation_id="show_webhook", responses=schemas.Webhook)
    def get(self, request: Request, webhook_id: str) -> Response:
        """The webhook, and how far delivery has got."""
        return Response(webhook_json(find_webhook(webhook_id), timezone.now(), whole_url=True))

    @extend_schema(operation_id="update_webhook", request=schemas.WebhookUpdate, responses=schemas.Webhook)
    def patch(self, request: Request, webhook_id: str) -> Response:
        """Changes the members that are sent; needs `events:read` too. Enabling goes on where delivery stopped."""
        endpoint = _writer_of_readers(request).update(webhook_id, request.data)
        return Response(webhook_json(endpoint, timezone.now(), whole_url=_reads(request)))

    @extend_schema(operation_id="remove_webhook", responses={204: None})
    def delete(self, request: Request, webhook_id: str) -> Response:
        """Removes the webhook; what was not delivered yet is not delivered."""
        service_for(request).webhooks.remove(webhook_id)
        return Response(status=204)


class WebhookSecretRotation(KeyAPIView):
    """The rotation of one webhook's signing secret."""

    scopes = {"POST": WRITE}

    @extend_schema(operation_id="rotate_webhook_secret", request=schemas.WebhookRotate, responses=schemas.IssuedWebhook)
    def post(self, request: Request, webhook_id: str) -> Response:
        """Makes a new secret and shows it, this once; the old one signs beside it for grace_seconds."""
        issued = service_for(request).webhooks.rotate_secret(webhook_id, request.data)
        return Response(issued_webhook_json(issued, timezone.now(), whole_url=_reads(request)), headers=NO_STORE)


class WebhookTest(KeyAPIView):
    """A test of one webhook."""

    scopes = {"POST": WRITE}

    @extend_schema(operation_id="test_webhook", request=None, responses={202: schemas.Webhook})
    def post(self, request: Request, webhook_id: str) -> Response:
        """Has a test delivery sent; `last_test` shows soon what came of it."""
        endpoint = service_for(request).webhooks.request_test(webhook_id)
        return Response(webhook_json(endpoint, timezone.now(), whole_url=_reads(request)), status=202)


def _writer_of_readers(request: Request) -> WebhookEndpoints:
    """The writer, for a key that may read events itself: through a webhook it would see all of them."""
    require_scope(caller(request), "events:read")
    return service_for(request).webhooks


def _reads(request: Request) -> bool:
    """Whether the key would be shown whole URLs by the calls that read."""
    return caller(request).allows(READ)
