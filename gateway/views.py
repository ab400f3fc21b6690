"""Django views of /v1/check and /v1/verify. The server usually answers both before Django, by the same rules."""

from typing import Final

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from structlog.contextvars import bind_contextvars

from api.base import CALLER_PROBLEMS, NO_STORE, KeyAPIView
from api.permissions import caller
from api.schemas.fields import response_field
from api.security_schemes import SECURITY_SCHEMES
from apikeys.authenticator import default_authenticator
from apikeys.callers.caller import caller_of_environ
from apikeys.callers.recorder import CALLERS
from apikeys.credential_fields import credential_fields
from apikeys.request_context import address_of, raw_query, request_id_of
from gateway.calls import Call
from gateway.check import check
from gateway.check_parameters import QUERY
from gateway.schemas import VerifyRequest, VerifyResponse
from gateway.verify import evaluate, record_service
from latchkey import headers

_IDENTITY: Final = [
    response_field(name, status, description)
    for status in (200, 204)
    for name, description in (
        (headers.LATCHKEY_KEY_ID, "ID of the calling key."),
        (headers.LATCHKEY_OWNER, "Its owner, percent-encoded."),
        (headers.LATCHKEY_SCOPES, "Its scopes, separated by spaces."),
    )
]


class Verify(KeyAPIView):
    """Verifies a credential."""

    tag = "gateway"

    scopes = {"POST": "verify"}
    needs_database = False

    @extend_schema(operation_id="verify", request=VerifyRequest, responses=VerifyResponse)
    def post(self, request: Request) -> Response:
        """Verify a credential that a service received. It takes `cost` tokens from its key. Every verdict is a 200."""
        result = evaluate(default_authenticator(), request.data, timezone.now())
        record_service(result, caller(request).key_id)
        bind_contextvars(**result.logged)
        return Response(result.as_json(), headers=NO_STORE)


class Check(APIView):
    """Checks whether a request is allowed. Proxies call it with the fields of the request that they received."""

    tag = "gateway"
    queries = {"GET": QUERY}
    problems = {"GET": (*CALLER_PROBLEMS, "malformed-request", "insufficient-scope", "limit-too-small")}
    authentication_classes = []

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[JSONRenderer, str]:
        """Return JSON, whatever the Accept field says."""
        # The field comes from the proxy's client and is meant for the service behind the proxy.
        return JSONRenderer(), "application/json"

    @extend_schema(
        operation_id="check",
        parameters=_IDENTITY,
        request=None,
        responses={
            204: OpenApiResponse(description="The request is allowed."),
            200: OpenApiResponse(description="With allow=200."),
        },
        auth=[{name: []} for name in SECURITY_SCHEMES],  # type: ignore[misc]
    )
    def get(self, request: Request) -> HttpResponse:
        """Check whether a request is allowed. Call it with any method and with the request's header. It takes
        `cost` tokens from the request's key.
        """
        call = Call(
            query=raw_query(request.META),
            credential_fields=credential_fields(request.META),
            address=address_of(request.META),
            path=request.path,
            request_id=request_id_of(request.META),
        )
        response = check(default_authenticator(), call)
        if response.charged:
            CALLERS.record(response.charged, lambda: caller_of_environ(request.META, is_check=True))
        bind_contextvars(**response.logged)
        return HttpResponse(response.body, status=response.status, headers=dict(response.fields))

    def _by_another_method(self, request: Request) -> HttpResponse:
        return self.get(request)

    head = post = put = patch = delete = extend_schema(exclude=True)(_by_another_method)
    options = head  # type: ignore[assignment]
