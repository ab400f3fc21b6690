"""Errors of webhooks. `slug` is the problem type and never changes."""

from latchkey.problems import ProblemError


class WebhookNotFound(ProblemError):
    """There is no webhook with this ID."""

    slug = "not-found"


class DeliveryNotFound(ProblemError):
    """The webhook has no delivery with this ID."""

    slug = "not-found"


class WebhookRotationInProgress(ProblemError):
    """An older secret of the webhook is still retiring."""

    slug = "rotation-in-progress"
