"""URL paths of the gateway API."""

from django.urls import path

from gateway.reservation_views import (
    ReservationCollection,
    ReservationExtension,
    ReservationItem,
    ReservationSettlement,
)
from gateway.views import Check, Verify

urlpatterns = [
    path("check", Check.as_view(), name="check"),
    path("verify", Verify.as_view(), name="verify"),
    path("reservations", ReservationCollection.as_view(), name="reservations"),
    path("reservations/<str:reservation_id>", ReservationItem.as_view(), name="reservation"),
    path("reservations/<str:reservation_id>/settle", ReservationSettlement.as_view(), name="settle-reservation"),
    path("reservations/<str:reservation_id>/extend", ReservationExtension.as_view(), name="extend-reservation"),
]
