"""`latchkey reserve` and `latchkey settle`, with a real server."""

import re

import pytest

from tests.latchkey.cli.running import Latchkey

pytestmark = pytest.mark.slow("runs the installed command many times")


def test_reserve_and_settle(latchkey: Latchkey) -> None:
    latchkey.json("plans", "create", "reserving", "--quota", "budget=1000/once,unit=tokens")
    key = latchkey.json("keys", "create", "--label", "x", "--plan", "reserving")
    credential = key["credential"]

    def reserve(tokens: int) -> tuple[int, str]:
        ran = latchkey.run(
            "reserve", "-", "--costs", f"tokens={tokens}", "--ttl", "600", "-o", "name", typed=credential
        )
        return ran.exit_code, ran.out.strip()

    def used() -> int:
        found = latchkey.json("limits", key["key_id"])["limits"]
        return next(int(limit["used"]) for limit in found if limit["name"] == "budget")

    code, first = reserve(800)
    assert (code, bool(re.fullmatch("res_[0-9a-z]{12}_[0-9A-Za-z]{22}", first))) == (0, True)
    refused = latchkey.run("reserve", "-", "--costs", "tokens=300", "-o", "json", typed=credential)
    assert (refused.exit_code, refused.json["violated_policies"]) == (3, ["budget"])
    settled = latchkey.json("settle", first, "tokens=512")
    assert {limit["name"]: limit["returned"] for limit in settled["limits"]} == {"key": 0, "budget": 288}
    assert used() == 512
    _, second = reserve(300)
    extended = latchkey.run("settle", second, "--extend", "3600")
    assert re.fullmatch(f"{second} is open until 20.*Z\\.\n", extended.out)
    assert latchkey.run("settle", second, "--cancel").out == f"Cancelled {second}.\n"
    assert used() == 512
    late = latchkey.run("settle", second, "tokens=1")
    assert (late.exit_code, "409 reservation-ended" in late.err) == (2, True)
    denied = latchkey.run("reserve", "-", typed=f"{credential[:-2]}{'aa' if credential[-2:] != 'aa' else 'bb'}")
    assert denied.exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("lk_0123456789ab", "tokens=1"), "must be res_"),
        (("res_a", "tokens"), "for example tokens=350"),
        (("res_a", "tokens=1", "--cancel"), "Say what the work cost"),
        (("res_a",), "for example tokens=512, or --cancel it"),
        (("res_a", "--extend", "5", "--cancel"), "or --extend it"),
    ],
)
def test_what_is_meant_has_to_be_clear(latchkey: Latchkey, arguments: tuple[str, ...], message: str) -> None:
    ran = latchkey.run("settle", *arguments)
    assert (ran.exit_code, message in ran.err) == (2, True), ran.err
