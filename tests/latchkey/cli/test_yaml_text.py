import yaml
from hypothesis import given
from hypothesis import strategies as st

from latchkey.cli.yaml_text import yaml_text

TEXTS = st.one_of(
    st.text(),
    st.text(alphabet="abc: -#'\"[]{},&*!|>%@`~?=.0179yn/ \t\n\x7f\x85\u2028\ufeff\U0001f600"),
    st.sampled_from(["true", "No", "null", "~", "1", "1.5", "2027-01-31", "0x1f", "1e3", "=", "<<", "- a", "a: b", ""]),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=15,
)


@given(VALUES)
def test_it_is_read_as_the_same_value(value: object) -> None:
    # PyYAML reads 1e+16 as a text: YAML 1.1 wants a dot. JSON numbers are those of YAML 1.2.
    if "e" not in repr(value) or not isinstance(value, float):
        assert _comparable(yaml.safe_load(yaml_text(value))) == _comparable(value)


def _comparable(value: object) -> object:
    if isinstance(value, dict):
        return {name: _comparable(field) for name, field in value.items()}
    if isinstance(value, list):
        return [_comparable(element) for element in value]
    # The numbers that PyYAML, of YAML 1.1, takes for texts.
    return repr(value).strip("'") if isinstance(value, (float, str)) and "e" in str(value) else value


def test_it_is_for_people() -> None:
    key = {"key_id": "lk_0123456789ab", "scopes": ["a:b", "*"], "limit": {"burst": 5}, "owner": "", "metadata": {}}
    assert yaml_text({"items": [key], "next": None}) == (
        'items:\n  - key_id: lk_0123456789ab\n    scopes:\n      - a:b\n      - "*"\n    limit:\n      burst: 5\n'
        '    owner: ""\n    metadata: {}\nnext: null'
    )


def test_no_character_controls_the_terminal() -> None:
    assert yaml_text({"a": "\x1b[2J\x9b\u202e"}) == 'a: "\\u001b[2J\\u009b\\u202e"'
