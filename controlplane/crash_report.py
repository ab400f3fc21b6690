"""What Django shows of a crash in DEBUG: its report, with credentials taken out."""

from django.utils.safestring import SafeString
from django.views.debug import ExceptionReporter

from latchkey.redaction import redact


class RedactedReporter(ExceptionReporter):
    """Django's reporter, with every secret replaced in what it writes."""

    def get_traceback_html(self) -> SafeString:
        return SafeString(redact(super().get_traceback_html()))

    def get_traceback_text(self) -> SafeString:
        return SafeString(redact(super().get_traceback_text()))
