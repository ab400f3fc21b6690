"""Django views of /v1/reservations."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from structlog.contextvars import bind_contextvars

from api.base import NO_STORE, KeyAPIView
from api.creation import created
from api.permissions import caller
from api.schemas.fields import IDEMPOTENCY_KEY
from apikeys.authenticator import default_authenticator
from apikeys.idempotency import Creation
from apikeys.peppers import configured_peppers
from apikeys.settling import default_settler
from gateway import reservation_schemas as schemas
from gateway.reserve import ReserveResult, extend, give_back, reserve, settle, settled_json, time_json
from gateway.verify import record_service

SCOPE = "verify"
_OPEN = ("not-found", "reservation-expired", "reservation-ended")


class _NotReserved(Exception):
    """Signal that rolls back an Idempotency-Key, so that a later request with it can succeed."""

    def __init__(self, result: ReserveResult) -> None:
        self.result = result


class ReservationCollection(KeyAPIView):
    """Reservations."""

    scopes = {"POST": SCOPE}
    needs_database = False
    problems = {"POST": ("too-many-reservations",)}

    @extend_schema(
        operation_id="reserve",
        parameters=[IDEMPOTENCY_KEY],
        request=schemas.ReserveRequest,
        responses={201: schemas.Reserved, 200: schemas.NotReserved},
    )
    def post(self, request: Request) -> Response:
        """Verify a credential, and reserve the estimated costs of work. Every other verdict than VALID is a 200, and
        reserves nothing.
        """
        made: list[str] = []
        try:
            return created(request, lambda: self._create(request, made), _with_digest(request.data))
        except _NotReserved as denied:
            return Response(denied.result.as_json(), headers=NO_STORE)
        except BaseException:
            # The Idempotency-Key could not be stored, so a repetition makes another reservation.
            for reservation_id in made:
                give_back(default_settler(), reservation_id, caller(request).key_id)
            raise

    def _create(self, request: Request, made: list[str]) -> Creation:
        service = caller(request).key_id
        result = reserve(default_authenticator(), default_settler(), request.data, service, timezone.now())
        record_service(result.verdict, service)
        bind_contextvars(**result.verdict.logged)
        if not result.reservation_id:
            raise _NotReserved(result)
        made.append(result.reservation_id)
        body = result.as_json()
        return Creation(body, body, NO_STORE)


class ReservationItem(KeyAPIView):
    """One reservation."""

    scopes = {"DELETE": SCOPE}
    needs_database = False
    problems = {"DELETE": _OPEN}

    @extend_schema(operation_id="cancel_reservation", responses={204: None})
    def delete(self, request: Request, reservation_id: str) -> Response:
        """Cancel a reservation: everything that it took is given back. To cancel it again changes nothing."""
        default_settler().cancel(reservation_id, caller(request).key_id)
        return Response(status=204)


class ReservationSettlement(KeyAPIView):
    """The settlement of a reservation."""

    scopes = {"POST": SCOPE}
    needs_database = False
    problems = {"POST": _OPEN}

    @extend_schema(operation_id="settle_reservation", request=schemas.SettleRequest, responses=schemas.Settlement)
    def post(self, request: Request, reservation_id: str) -> Response:
        """Replace what a reservation took by the actual costs. To settle it again returns the same settlement."""
        service = caller(request).key_id
        settled = settle(default_settler(), reservation_id, request.data, service, timezone.now())
        return Response(settled_json(reservation_id, settled), headers=NO_STORE)


class ReservationExtension(KeyAPIView):
    """More time for a reservation."""

    scopes = {"POST": SCOPE}
    needs_database = False
    problems = {"POST": _OPEN}

    @extend_schema(operation_id="extend_reservation", request=schemas.ExtendRequest, responses=schemas.Extension)
    def post(self, request: Request, reservation_id: str) -> Response:
        """Keep a reservation open for `ttl_seconds` from now. It never ends earlier than before."""
        service = caller(request).key_id
        expires_s = extend(default_settler(), reservation_id, request.data, service, timezone.now())
        return Response({"reservation": reservation_id, "expires_at": time_json(expires_s)}, headers=NO_STORE)


def _with_digest(values: Any) -> Any:
    """Return the body of a request with a keyed digest of the credential in place of it."""
    # What an Idempotency-Key stores is a plain digest of this, from which a weak imported token could be guessed.
    if not isinstance(values, dict) or not isinstance(values.get("credential"), str):
        return values
    peppers = configured_peppers()
    digest = peppers.digest(f"reserve:{values['credential']}", peppers.current)
    return {**values, "credential": digest.hex()}
