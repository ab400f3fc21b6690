"""DRF authentication: resolves a request's credential to its key."""

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from structlog.contextvars import bind_contextvars

from apikeys.auth_failures import AUTH_FAILURES
from apikeys.authenticator import default_authenticator
from apikeys.credential_check import Verified
from apikeys.credential_fields import credential_fields
from apikeys.errors import RefusedCredential
from apikeys.request_context import address_of
from apikeys.request_credential import request_credential
from latchkey.auth_context import AuthContext
from latchkey.credentials import CredentialError
from latchkey.headers import CHALLENGE


class KeyAuthentication(BaseAuthentication):
    """DRF authentication class. `request.user` becomes an AuthContext, `request.auth` the Verified of the
    authenticator.
    """

    def authenticate(self, request: Request) -> tuple[AuthContext, Verified]:
        try:
            credential = request_credential(credential_fields(request.META))
        except CredentialError as error:
            # `Authenticator.authenticate` counts the failures of well-formed credentials only.
            AUTH_FAILURES.labels(error.slug).inc()
            raise
        try:
            verified = default_authenticator().authenticate(credential, address_of(request.META))
        except RefusedCredential as error:
            bind_contextvars(**error.logged)
            raise
        bind_contextvars(key_id=verified.record.auth.key_id)
        return verified.record.auth, verified

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE
