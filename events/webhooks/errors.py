"""What can go wrong with a webhook; `slug` is the problem's and stable."""

from latchkey.problems import ProblemError


class WebhookNotFound(ProblemError):
    """There is no webhook with this id."""

    slug = "not-found"


class WebhookRotationInProgress(ProblemError):
    """An older secret of the webhook is still retiring."""

    slug = "rotation-in-progress"
