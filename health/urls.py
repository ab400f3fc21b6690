"""The paths of health and metrics."""

from django.urls import path

from health.views import Health, HealthFull, Metrics

urlpatterns = [
    path("health", Health.as_view(), name="health"),
    path("health/full", HealthFull.as_view(), name="health-full"),
    path("metrics", Metrics.as_view(), name="metrics"),
]
