"""The paths for other services."""

from django.urls import path

from gateway.views import Verify

urlpatterns = [path("verify", Verify.as_view(), name="verify")]
