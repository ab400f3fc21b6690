"""Catalog of problems: what can go wrong, its HTTP status, and what to do next."""

from dataclasses import dataclass
from typing import Final

QUOTA_EXCEEDED_TYPE: Final = "https://iana.org/assignments/http-problem-types#quota-exceeded"


@dataclass(frozen=True, slots=True)
class ProblemType:
    """A kind of problem: its slug (the page under /problems/), HTTP status, title, and what to do next."""

    slug: str
    status: int
    title: str
    remedy: str

    def uri(self, public_url: str) -> str:
        """Return the problem's `type`. `public_url` is the server's configured address, never the Host header."""
        # This type is registered with IANA: clients may already know it from other servers.
        if self.slug == "quota-exceeded":
            return QUOTA_EXCEEDED_TYPE
        return f"{public_url.rstrip('/')}/problems/{self.slug}"


CATALOGUE: Final[dict[str, ProblemType]] = {
    problem.slug: problem
    for problem in (
        ProblemType(
            "malformed-request",
            400,
            "The request cannot be read",
            "Send a JSON document in UTF-8 with each member once, no NaN or Infinity, at most 32 levels deep.",
        ),
        ProblemType(
            "ambiguous-credential",
            400,
            "Two credentials that differ",
            "Send one credential: X-API-Key, or Authorization: Bearer, or HTTP Basic. Not two that differ.",
        ),
        ProblemType(
            "missing-credential",
            401,
            "No credential",
            "Send the key as X-API-Key: key_id:secret, Authorization: Bearer key_id:secret, or curl -u key_id:secret.",
        ),
        ProblemType(
            "malformed-credential",
            401,
            "Not a credential",
            "A credential is key_id:secret: lk_ and 12 characters, a colon, lks_ and 49 characters. If the shape is "
            "right, the checksum is wrong: a character is mistyped or missing. Copy it again, whole, without quotation "
            "marks or white space. If your service needs Authorization for itself, send the key as X-API-Key.",
        ),
        ProblemType(
            "invalid-credential",
            401,
            "Unknown key or wrong secret",
            "Check that the key belongs to this server and that its secret was not replaced by a rotation. "
            "An operator can rotate the key to get a new secret.",
        ),
        ProblemType(
            "expired-key",
            401,
            "The key has expired",
            "Ask an operator to move the key's expiry or to issue another key.",
        ),
        ProblemType(
            "disabled-key",
            401,
            "The key is disabled",
            "Ask an operator why it was disabled; enabling it again makes the same secret work.",
        ),
        ProblemType(
            "revoked-key",
            401,
            "The key is revoked",
            "Revocation is permanent. Ask an operator to issue another key.",
        ),
        ProblemType(
            "insufficient-scope",
            403,
            "The key lacks a scope",
            "Ask an operator whose key holds the missing scope to grant it to this key.",
        ),
        ProblemType(
            "limit-too-small",
            403,
            "The key's limit is too small",
            "Waiting does not help: this request costs more tokens than the key's bucket holds. Ask an operator for a "
            "larger limit.",
        ),
        ProblemType(
            "forbidden",
            403,
            "Not allowed",
            "Sign in with an account that has this right, or reload the page and send the form again.",
        ),
        ProblemType("not-found", 404, "Nothing here", "Check the path and the key id; /docs/ lists every call."),
        ProblemType(
            "method-not-allowed",
            405,
            "The method does not apply here",
            "Use one of the methods that the Allow header lists.",
        ),
        ProblemType(
            "not-acceptable",
            406,
            "No representation fits the Accept header",
            "Accept application/json, or leave the Accept header out.",
        ),
        ProblemType(
            "request-timeout",
            408,
            "The request came too slowly",
            "Send the request's header and its body within 10 seconds each.",
        ),
        ProblemType(
            "rotation-in-progress",
            409,
            "A rotation is under way",
            "Finish it (rotate/finish) once the new secret is in use, wait until the retiring secret ends, or rotate "
            "with grace_seconds 0, which ends every older secret at once.",
        ),
        ProblemType(
            "already-revoked",
            409,
            "The key is revoked already",
            "A revoked key cannot be changed. Issue another key.",
        ),
        ProblemType(
            "precondition-failed",
            412,
            "It was changed in the meantime",
            "Nothing was changed. Read it again, decide with what it is now, and send its new ETag in If-Match.",
        ),
        ProblemType("too-large", 413, "The body is too large", "Send at most 64 KiB."),
        ProblemType(
            "unsupported-media-type",
            415,
            "The body's media type is not understood",
            "Send JSON with Content-Type: application/json.",
        ),
        ProblemType(
            "range-not-satisfiable", 416, "No such part", "Ask for a range that the file has, or for all of it."
        ),
        ProblemType(
            "invalid-parameters",
            422,
            "Refused by a rule",
            "Mend each member that errors names and send the request again; nothing was changed.",
        ),
        ProblemType(
            "quota-exceeded",
            429,
            "Too many requests",
            "Wait the seconds that Retry-After tells, then send the request again; it will find a token.",
        ),
        ProblemType(
            "header-too-large",
            431,
            "The request's header is too large",
            "Send fewer or shorter fields: at most 28 KiB, and at most 80 fields.",
        ),
        ProblemType(
            "internal-error",
            500,
            "Something broke here",
            "Try again; if it stays, give the request id to an operator: the cause is in the log under it.",
        ),
        ProblemType(
            "unavailable",
            503,
            "Not available now",
            "Try again in a few seconds; if it stays, an operator finds the cause at /health/full.",
        ),
    )
}

CREDENTIAL_PROBLEMS: Final = (
    "ambiguous-credential",
    "missing-credential",
    "malformed-credential",
    "invalid-credential",
    "expired-key",
    "disabled-key",
    "revoked-key",
)
"""Problems with the credential of a request."""
