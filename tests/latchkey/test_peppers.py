import hmac

import pytest

from latchkey.peppers import PepperError, parse_peppers


def test_digest_is_hmac_sha256() -> None:
    peppers = parse_peppers("new:" + "ab" * 32 + ", old:" + "cd" * 40)
    assert peppers.current == "new"
    for pepper_id, key in (("new", b"\xab" * 32), ("old", b"\xcd" * 40)):
        for secret in ("lks_a", "lks_b"):
            assert peppers.digest(secret, pepper_id) == hmac.digest(key, secret.encode(), "sha256")
    with pytest.raises(KeyError):
        peppers.digest("lks_a", "gone")


@pytest.mark.parametrize(
    "text", ["", "p1", "p1:", ":" + "ab" * 32, "p1:abc", "p 1:" + "ab" * 32, "p1:" + "ab" * 31, "p1:" + "ab" * 32 + ","]
)
def test_unusable_peppers_are_rejected_and_hidden(text: str) -> None:
    with pytest.raises(PepperError) as caught:
        parse_peppers(text)
    assert "abab" not in str(caught.value)


def test_repr_shows_no_key() -> None:
    assert "abab" not in repr(parse_peppers("p1:" + "ab" * 32))
