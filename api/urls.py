"""URL paths of the REST API, except those of the gateway."""

from django.urls import include, path, register_converter

from api.callers import KeyCallers
from api.events import EventCollection
from api.health import Health, HealthFull, Metrics
from api.key_import import KeyImports
from api.keys import KeyCollection, KeyItem
from api.rotation import KeyRotation, KeyRotationFinish
from api.usage import KeyUsage, OwnUsage
from api.waivers import WaiverCollection, WaiverItem
from api.webhook_deliveries import DeliveryCollection, DeliveryItem, DeliveryResend
from api.webhooks import WebhookCollection, WebhookItem, WebhookSecretRotation, WebhookTest
from api.whoami import WhoAmI
from latchkey.credentials import KEY_ID_PATTERN


class KeyIdConverter:
    """Path converter of a key ID. Anything else is a 404."""

    regex = KEY_ID_PATTERN.pattern

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class WebhookIdConverter(KeyIdConverter):
    """Path converter of a webhook ID. Anything else is a 404."""

    regex = "wh_[0-9a-z]{12}"


register_converter(KeyIdConverter, "key_id")
register_converter(WebhookIdConverter, "webhook_id")

v1_patterns = [
    path("whoami", WhoAmI.as_view(), name="whoami"),
    path("whoami/usage", OwnUsage.as_view(), name="own-usage"),
    path("events", EventCollection.as_view(), name="events"),
    path("keys", KeyCollection.as_view(), name="keys"),
    path("keys/import", KeyImports.as_view(), name="import-keys"),
    path("keys/<key_id:key_id>", KeyItem.as_view(), name="key"),
    path("keys/<key_id:key_id>/rotate", KeyRotation.as_view(), name="rotate"),
    path("keys/<key_id:key_id>/rotate/finish", KeyRotationFinish.as_view(), name="finish-rotation"),
    path("keys/<key_id:key_id>/callers", KeyCallers.as_view(), name="callers"),
    path("keys/<key_id:key_id>/usage", KeyUsage.as_view(), name="usage"),
    path("webhooks", WebhookCollection.as_view(), name="webhooks"),
    path("webhooks/<webhook_id:webhook_id>", WebhookItem.as_view(), name="webhook"),
    path("webhooks/<webhook_id:webhook_id>/rotate-secret", WebhookSecretRotation.as_view(), name="rotate-webhook"),
    path("webhooks/<webhook_id:webhook_id>/test", WebhookTest.as_view(), name="test-webhook"),
    path("webhooks/<webhook_id:webhook_id>/deliveries", DeliveryCollection.as_view(), name="deliveries"),
    path("webhooks/<webhook_id:webhook_id>/deliveries/<int:delivery_id>", DeliveryItem.as_view(), name="delivery"),
    path(
        "webhooks/<webhook_id:webhook_id>/deliveries/<int:delivery_id>/resend",
        DeliveryResend.as_view(),
        name="resend-delivery",
    ),
    path("waivers", WaiverCollection.as_view(), name="waivers"),
    path("waivers/<int:waiver_id>", WaiverItem.as_view(), name="waiver"),
]
urlpatterns = [
    path("v1/", include(v1_patterns)),
    path("health", Health.as_view(), name="health"),
    path("health/full", HealthFull.as_view(), name="health-full"),
    path("metrics", Metrics.as_view(), name="metrics"),
]
