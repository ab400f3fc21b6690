import pytest

from latchkey.request_id import new_request_id
from latchkey.trace_context import TraceContext, parse_traceparent, trace_of_request

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"


def test_field_is_read_and_written() -> None:
    found = parse_traceparent(f"00-{TRACE}-{SPAN}-01")
    assert found == TraceContext(TRACE, SPAN, sampled=True)
    assert found.traceparent == f"00-{TRACE}-{SPAN}-01"
    assert TraceContext(TRACE, SPAN, sampled=False).traceparent.endswith("-00")


def test_later_version_may_have_more() -> None:
    assert parse_traceparent(f"01-{TRACE}-{SPAN}-00-more") == TraceContext(TRACE, SPAN, sampled=False)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-01-more",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-01,00-{TRACE}-{SPAN}-01",
        f'00-{TRACE}-{SPAN}-01\n{{"event": "forged"}}',
    ],
)
def test_invalid_traceparent_is_none(text: str | None) -> None:
    assert parse_traceparent(text) is None


def test_request_id_of_ours_names_the_trace_too() -> None:
    request_id = new_request_id()
    assert trace_of_request(request_id).trace_id == request_id


@pytest.mark.parametrize("request_id", ["deploy-7", "0" * 32, "A" * 32])
def test_other_request_id_gets_its_own_trace(request_id: str) -> None:
    trace = trace_of_request(request_id)
    assert trace.trace_id != request_id
    assert parse_traceparent(trace.traceparent) == trace


def test_child_is_another_place_in_the_same_trace() -> None:
    trace = trace_of_request(new_request_id())
    child = trace.child()
    assert (child.trace_id, child.sampled) == (trace.trace_id, trace.sampled)
    assert child.span_id != trace.span_id
