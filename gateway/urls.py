"""URL paths of the gateway API."""

from django.urls import path

from gateway.views import Check, Verify

urlpatterns = [
    path("check", Check.as_view(), name="check"),
    path("verify", Verify.as_view(), name="verify"),
]
