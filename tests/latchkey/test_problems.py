import pytest

from latchkey.problem_catalogue import CATALOGUE
from latchkey.problems import MAX_ERRORS, FieldError, limit_errors, problem_body


@pytest.mark.parametrize("slug", CATALOGUE)
def test_every_problem_has_one_shape(slug: str) -> None:
    body = problem_body(slug, detail="d", instance="/x", request_id="r", public_url="https://keys.test/")
    assert list(body) == ["type", "title", "status", "detail", "instance", "request_id"]
    assert body["status"] == CATALOGUE[slug].status
    if slug == "quota-exceeded":
        assert body["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    else:
        assert body["type"] == f"https://keys.test/problems/{slug}"


def test_errors_and_policies_are_listed() -> None:
    body = problem_body(
        "invalid-parameters",
        detail="d",
        instance="/x",
        request_id="r",
        public_url="https://keys.test",
        errors=[FieldError("/burst", "missing", "burst is required.").under("/rate_limit")],
        violated_policies=["key"],
    )
    assert body["errors"] == [{"pointer": "/rate_limit/burst", "code": "missing", "detail": "burst is required."}]
    assert body["violated-policies"] == ["key"]


def test_errors_are_bounded_and_say_so() -> None:
    errors = [FieldError(f"/{at}", "missing", "It is required.") for at in range(MAX_ERRORS + 1)]
    assert limit_errors(errors[:-1]) == tuple(errors[:-1])
    found = limit_errors(errors)
    assert found[:-1] == tuple(errors[:-1])
    assert (found[-1].pointer, found[-1].code) == ("", "more-errors")
    assert limit_errors(found) == found, "an error that is passed on is bounded again"


def test_errors_beyond_the_bound_are_not_computed() -> None:
    looked = iter(FieldError("/x", "missing", "It is required.") for _ in range(1_000_000))
    limit_errors(looked)
    assert sum(1 for _ in looked) == 1_000_000 - MAX_ERRORS - 1


def test_pointer_is_cut() -> None:
    (found,) = limit_errors([FieldError("/" + "x" * 60_000, "unknown-member", "There is no such member.")])
    assert len(found.pointer) == 257
