"""The paths of health and metrics."""

from django.urls import path

from api.health import Health, HealthFull, Metrics
from api.waivers import WaiverCollection, WaiverItem

urlpatterns = [
    path("health", Health.as_view(), name="health"),
    path("health/full", HealthFull.as_view(), name="health-full"),
    path("metrics", Metrics.as_view(), name="metrics"),
    path("v1/waivers", WaiverCollection.as_view(), name="waivers"),
    path("v1/waivers/<int:waiver_id>", WaiverItem.as_view(), name="waiver"),
]
