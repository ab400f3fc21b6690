"""OpenTelemetry: one span per request, exported if OTEL_EXPORTER_OTLP_ENDPOINT names a collector.

Source: OpenTelemetry semantic conventions for HTTP server spans.
"""

import os
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

import structlog
from django.http import HttpRequest, HttpResponseBase

from latchkey import __version__
from latchkey.redaction import redact_tokens
from latchkey.trace_context import TraceContext

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

EXPORT_TIMEOUT_SECONDS: Final = 2.0
_PROVIDERS: "Final[list[TracerProvider]]" = []

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RequestSpan:
    """The span of one request."""

    span: "Span"

    @property
    def trace_id(self) -> str:
        """Return the trace ID, which is the client's if it sent one."""
        return f"{self.span.get_span_context().trace_id:032x}"

    def end(self, request: HttpRequest, response: HttpResponseBase, request_id: str) -> None:
        """Record the response and end the span."""
        from opentelemetry.trace import StatusCode

        route = f"/{request.resolver_match.route}" if request.resolver_match else ""
        self.span.update_name(f"{request.method} {route}".strip())
        # Neither the query nor header fields are recorded: they may contain secrets.
        self.span.set_attributes(
            {
                "http.request.method": str(request.method),
                "http.response.status_code": response.status_code,
                "http.route": route,
                "url.path": redact_tokens(request.path),
                "latchkey.request_id": request_id,
            }
        )
        if response.status_code >= 500:
            self.span.set_status(StatusCode.ERROR)
        self.span.end()


def begin_span(request: HttpRequest, caller: TraceContext | None) -> RequestSpan | None:
    """Start the span of a request, as a child of its `caller`'s. Return None if no collector is configured."""
    tracer = _tracer()
    if tracer is None:
        return None
    from opentelemetry.trace import SpanKind

    return RequestSpan(tracer.start_span(str(request.method), context=_context(caller), kind=SpanKind.SERVER))


def _context(caller: TraceContext | None) -> "Context":
    from opentelemetry.context import Context
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

    if caller is None:
        return Context()
    flags = TraceFlags(TraceFlags.SAMPLED if caller.sampled else TraceFlags.DEFAULT)
    remote = SpanContext(int(caller.trace_id, 16), int(caller.span_id, 16), is_remote=True, trace_flags=flags)
    return set_span_in_context(NonRecordingSpan(remote), Context())


@cache
def _tracer() -> "Tracer | None":
    """Return the tracer, or None if no collector is configured or the OpenTelemetry packages are missing."""
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        log.warning("spans_not_exported", reason=f"{error.name} is missing: install latchkey[opentelemetry]")
        return None
    # Created by the first request and not at import: the exporting thread would not survive a fork.
    own = Resource({"service.name": "latchkey", "service.version": __version__})
    provider = TracerProvider(resource=own.merge(OTELResourceDetector().detect()))
    limited = os.environ.get("OTEL_EXPORTER_OTLP_TIMEOUT")
    exporter = OTLPSpanExporter(timeout=float(limited) if limited else EXPORT_TIMEOUT_SECONDS)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    _PROVIDERS.append(provider)
    return provider.get_tracer("latchkey", __version__)


def end_spans() -> None:
    """Export the remaining spans and stop. This blocks until the export ends."""
    while _PROVIDERS:
        _PROVIDERS.pop().shutdown()
