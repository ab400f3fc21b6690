"""URL paths of the REST API, except those of the gateway."""

from django.urls import include, path, register_converter

from api.callers import KeyCallers
from api.events import EventCollection
from api.health import Health, HealthFull, Metrics
from api.key_import import KeyImports
from api.keys import KeyCollection, KeyItem
from api.limits import KeyLimitAdjustment, KeyLimits, OwnerLimitAdjustment, OwnerLimits
from api.overrides import OverrideCollection, OverrideItem
from api.owners import OwnerCollection, OwnerItem
from api.plans import PlanCollection, PlanItem
from api.rotation import KeyRotation, KeyRotationFinish
from api.usage import KeyUsage, OwnUsage
from api.waivers import WaiverCollection, WaiverItem
from api.webhook_deliveries import DeliveryCollection, DeliveryItem, DeliveryResend
from api.webhooks import WebhookCollection, WebhookItem, WebhookSecretRotation, WebhookTest
from api.whoami import WhoAmI
from apikeys.policies.validation import SLUG_PATTERN
from latchkey.credentials import KEY_ID_PATTERN
from ratelimit.plan_limit import NAME_PATTERN


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


class PlanNameConverter(KeyIdConverter):
    """Path converter of the name of a plan. Anything else is a 404."""

    regex = NAME_PATTERN


class OwnerSlugConverter(KeyIdConverter):
    """Path converter of an owner's slug. Anything else is a 404."""

    regex = SLUG_PATTERN


class LimitNameConverter(KeyIdConverter):
    """Path converter of the name of a limit. Anything else is a 404."""

    regex = NAME_PATTERN


register_converter(KeyIdConverter, "key_id")
register_converter(WebhookIdConverter, "webhook_id")
register_converter(PlanNameConverter, "plan_name")
register_converter(OwnerSlugConverter, "owner_slug")
register_converter(LimitNameConverter, "limit_name")

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
    path("keys/<key_id:key_id>/limits", KeyLimits.as_view(), name="key-limits"),
    path(
        "keys/<key_id:key_id>/limits/<limit_name:limit_name>/adjust",
        KeyLimitAdjustment.as_view(),
        name="adjust-key-limit",
    ),
    path("plans", PlanCollection.as_view(), name="plans"),
    path("plans/<plan_name:name>", PlanItem.as_view(), name="plan"),
    path("owners", OwnerCollection.as_view(), name="owners"),
    path("owners/<owner_slug:slug>", OwnerItem.as_view(), name="owner"),
    path("owners/<owner_slug:slug>/limits", OwnerLimits.as_view(), name="owner-limits"),
    path(
        "owners/<owner_slug:slug>/limits/<limit_name:limit_name>/adjust",
        OwnerLimitAdjustment.as_view(),
        name="adjust-owner-limit",
    ),
    path("overrides", OverrideCollection.as_view(), name="overrides"),
    path("overrides/<int:override_id>", OverrideItem.as_view(), name="override"),
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
