"""/v1/webhooks/{webhook_id}/deliveries: what was sent to a webhook lately, and sending it again."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.base import KeyAPIView, service_for
from api.permissions import caller, require_scope
from api.schemas import webhook_deliveries as schemas
from api.schemas.fields import IF_MATCH
from api.webhooks import READ, WRITE
from apikeys.representation import receipt_json
from events.webhooks.attempt_log import find_attempt
from events.webhooks.attempt_pages import QUERY, attempt_json, attempt_page, whole_attempt_json
from events.webhooks.lookup import find_webhook


class DeliveryCollection(KeyAPIView):
    """The latest deliveries of one webhook."""

    scopes = {"GET": READ}
    queries = {"GET": QUERY}

    @extend_schema(operation_id="list_webhook_deliveries", responses=schemas.DeliveryPage)
    def get(self, request: Request, webhook_id: str) -> Response:
        """List the latest deliveries of a webhook, newest first. Each attempt is one: retries, tests and resends too.
        The latest 200 are kept, for 30 days.
        """
        page = attempt_page(find_webhook(webhook_id), **self.parameters)
        return Response({"items": [attempt_json(attempt) for attempt in page.attempts], "next": page.next})


class DeliveryItem(KeyAPIView):
    """One delivery of a webhook."""

    scopes = {"GET": READ}

    @extend_schema(operation_id="show_webhook_delivery", responses=schemas.WholeDelivery)
    def get(self, request: Request, webhook_id: str, delivery_id: int) -> Response:
        """Show a delivery with its request and response. Needs `events:read` too. Signatures and secrets are replaced
        by `[redacted]`.
        """
        # The request contains the event.
        require_scope(caller(request), "events:read")
        endpoint = find_webhook(webhook_id)
        return Response(whole_attempt_json(find_attempt(endpoint, delivery_id), endpoint))


class DeliveryResend(KeyAPIView):
    """A resend of one delivery."""

    scopes = {"POST": WRITE}

    @extend_schema(
        operation_id="resend_webhook_delivery",
        parameters=[IF_MATCH],
        request=None,
        responses={202: schemas.RESENT_DELIVERY},
    )
    def post(self, request: Request, webhook_id: str, delivery_id: int) -> Response:
        """Send the event of a delivery again, with the same `webhook-id`. The response is the new delivery, which is
        `pending` for a moment. Without `webhooks:read` it has `id` and no other fields.
        """
        shown = attempt_json(service_for(request).webhooks.resend(webhook_id, delivery_id))
        return Response(shown if caller(request).allows(READ) else receipt_json(shown, ()), status=202)
