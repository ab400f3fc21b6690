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
            "Malformed request",
            "Send a JSON document in UTF-8, without repeated fields, NaN or Infinity, at most 32 levels deep.",
        ),
        ProblemType(
            "ambiguous-credential",
            400,
            "Conflicting credentials",
            "Send only one credential, in one header field.",
        ),
        ProblemType(
            "missing-credential",
            401,
            "Missing credential",
            "Send the key as X-API-Key: key_id:secret, Authorization: Bearer key_id:secret, or curl -u key_id:secret.",
        ),
        ProblemType(
            "malformed-credential",
            401,
            "Malformed credential",
            "A credential is key_id:secret: lk_ and 12 characters, a colon or a dot, lks_ and 49 characters. If the "
            "shape is right, the checksum is wrong: a character is mistyped or missing. Copy the whole credential "
            "again, without quotation marks or white space. If your service uses Authorization itself, send the key in "
            "another header field.",
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
            "Ask an operator to extend the key's expiry or to issue another key.",
        ),
        ProblemType(
            "disabled-key",
            401,
            "The key is disabled",
            "Ask an operator why it was disabled. Once the key is enabled again, the same secret works.",
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
            "The key's rate limit is too small",
            "Waiting does not help: this request costs more tokens than the key's bucket holds. Ask an operator for a "
            "larger limit.",
        ),
        ProblemType(
            "forbidden",
            403,
            "Permission denied",
            "Sign in with an account that has this permission, or reload the page and send the form again.",
        ),
        ProblemType(
            "not-found", 404, "Not found", "Check the path, and the ID or name in it. /docs/ lists every endpoint."
        ),
        ProblemType(
            "method-not-allowed",
            405,
            "Method not allowed",
            "Use one of the methods in the Allow header.",
        ),
        ProblemType(
            "not-acceptable",
            406,
            "Not acceptable",
            "Accept application/json, or omit the Accept header.",
        ),
        ProblemType(
            "request-timeout",
            408,
            "Request timeout",
            "Send the header and the body within 10 seconds each.",
        ),
        ProblemType(
            "rotation-in-progress",
            409,
            "A rotation is in progress",
            "Finish it (rotate/finish) once the new secret is in use, wait until the retiring secret ends, or rotate "
            "with grace_seconds 0, which ends every older secret immediately.",
        ),
        ProblemType(
            "already-revoked",
            409,
            "The key is already revoked",
            "A revoked key cannot be changed. Issue another key.",
        ),
        ProblemType(
            "in-use",
            409,
            "The plan or owner is in use",
            "Give its keys and owners another plan or owner first, or none. Then delete it.",
        ),
        ProblemType(
            "reservation-expired",
            409,
            "The reservation has expired",
            "It stays at its estimate. Reserve for longer, or extend a reservation before it expires.",
        ),
        ProblemType(
            "reservation-ended",
            409,
            "The reservation has ended",
            "It was settled or cancelled before. Make a new reservation for more work.",
        ),
        ProblemType(
            "too-many-reservations",
            409,
            "Too many open reservations",
            "Settle or cancel reservations of this key, or reserve for a shorter time, so that they expire sooner.",
        ),
        ProblemType(
            "precondition-failed",
            412,
            "Precondition failed",
            "Nothing was changed. Read it again, and repeat the change with the new ETag in If-Match.",
        ),
        ProblemType("too-large", 413, "The body is too large", "Send at most 64 KiB."),
        ProblemType(
            "unsupported-media-type",
            415,
            "Unsupported media type",
            "Send JSON with Content-Type: application/json.",
        ),
        ProblemType(
            "range-not-satisfiable", 416, "Range not satisfiable", "Request a range within the file, or the whole file."
        ),
        ProblemType(
            "invalid-parameters",
            422,
            "Validation failed",
            "Fix the fields listed in `errors` and send the request again. Nothing was changed.",
        ),
        ProblemType(
            "quota-exceeded",
            429,
            "Too many requests",
            "Wait for the number of seconds in Retry-After, then send the request again.",
        ),
        ProblemType(
            "header-too-large",
            431,
            "The header is too large",
            "Send fewer or shorter fields: at most 28 KiB, and at most 80 fields.",
        ),
        ProblemType(
            "internal-error",
            500,
            "Internal error",
            "Try again. If it keeps failing, give the request ID to an operator, who can find the cause in the log.",
        ),
        ProblemType(
            "unavailable",
            503,
            "Temporarily unavailable",
            "Try again in a few seconds. If it keeps failing, an operator can find the cause at /health/full.",
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
