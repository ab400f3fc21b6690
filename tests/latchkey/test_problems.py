import pytest

from latchkey.problem_catalogue import CATALOGUE
from latchkey.problems import FieldError, problem_body


@pytest.mark.parametrize("slug", CATALOGUE)
def test_every_problem_has_one_shape(slug: str) -> None:
    body = problem_body(slug, detail="d", instance="/x", request_id="r", public_url="https://keys.test/")
    assert list(body) == ["type", "title", "status", "detail", "instance", "request_id"]
    assert body["status"] == CATALOGUE[slug].status
    if slug == "quota-exceeded":
        assert body["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    else:
        assert body["type"] == f"https://keys.test/problems/{slug}"


def test_errors_and_policies_are_added_where_there_are_any() -> None:
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
