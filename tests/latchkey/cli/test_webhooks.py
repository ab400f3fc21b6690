"""`latchkey webhooks` against a real server and a real receiver."""

import re
import stat
from collections.abc import Iterator
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from tests.events.webhooks.receiver import Receiver, body, receiving
from tests.latchkey.cli.running import Latchkey
from tests.support.waiting import wait_until

SECRET = re.compile(r"whsec_[0-9A-Za-z+/]{43}=")
FIELDS = {
    "id", "url", "label", "event_types", "enabled", "disabled_reason", "created_at", "secrets", "delivery", "last_test",
}  # fmt: skip
UNKNOWN = "wh_000000000000"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def webhook(latchkey: Latchkey, receiver: Receiver) -> Iterator[dict[str, Any]]:
    """A webhook that receives what is revoked, with its secret."""
    added: dict[str, Any] = latchkey.json(
        "webhooks", "add", receiver.url, "--label", "pager", "--event-type", "KeyRevoked"
    )
    yield added
    latchkey.run("webhooks", "delete", added["id"], "--yes")


def revoke_a_key(latchkey: Latchkey) -> None:
    key_id = latchkey.json("keys", "create", "--label", "short-lived")["key_id"]
    assert latchkey.run("keys", "revoke", key_id, "--yes").exit_code == 0


def finished(latchkey: Latchkey, webhook_id: str, count: int = 1) -> list[dict[str, Any]]:
    """The deliveries, once there are `count` of them that are not pending."""

    def listed() -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = latchkey.json("webhooks", "deliveries", webhook_id)["items"]
        return items

    wait_until(lambda: len([one for one in listed() if one["outcome"] != "pending"]) >= count, "the delivery", 30)
    return listed()


def test_secret_is_written_once_and_alone(latchkey: Latchkey, receiver: Receiver) -> None:
    ran = latchkey.run("webhooks", "add", receiver.url, "--label", "audit")
    assert ran.exit_code == 0
    secret = ran.out.strip()
    assert SECRET.fullmatch(secret)
    assert "audit" in ran.err
    assert not SECRET.search(ran.err)
    (webhook_id,) = re.findall(r"wh_[0-9a-z]{12}", ran.err)
    for arguments in (("show", webhook_id), ("list",), ("--format", "json", "show", webhook_id)):
        assert not SECRET.search(latchkey.run("webhooks", *arguments).out)
    rotated = latchkey.run("webhooks", "rotate-secret", webhook_id)
    assert SECRET.fullmatch(rotated.out.strip())
    assert rotated.out.strip() != secret
    assert not SECRET.search(rotated.err)
    refused = latchkey.run("webhooks", "rotate-secret", webhook_id)
    assert (refused.exit_code, refused.out) == (2, "")
    assert "409 rotation-in-progress" in refused.err
    assert "webhooks rotate-secret WEBHOOK_ID --at-once" in refused.err
    assert latchkey.run("webhooks", "delete", webhook_id, "--yes").exit_code == 0


@pytest.mark.parametrize("output", ["table", "json"])
def test_secret_file(latchkey: Latchkey, receiver: Receiver, output: str) -> None:
    ran = latchkey.run("webhooks", "add", receiver.url, "--secret-file", "new", "--format", output)
    file = latchkey.home / "new"
    assert SECRET.fullmatch(file.read_text().strip())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not SECRET.search(ran.out + ran.err)
    (webhook_id,) = set(re.findall(r"wh_[0-9a-z]{12}", ran.out + ran.err))
    latchkey.run("webhooks", "delete", webhook_id, "--yes")


def test_show_list_and_edit(latchkey: Latchkey, webhook: dict[str, Any], receiver: Receiver) -> None:
    assert set(webhook) == {*FIELDS, "secret"}
    webhook_id = webhook["id"]
    shown = latchkey.json("webhooks", "show", webhook_id)
    assert (set(shown), shown["url"], shown["event_types"]) == (FIELDS, receiver.url, ["KeyRevoked"])
    table = latchkey.run("webhooks", "show", webhook_id).out
    assert "pager" in table
    assert "etag" in table
    assert webhook_id in {item["id"] for item in latchkey.json("webhooks", "list")["items"]}
    listed = latchkey.run("webhooks", "list").out
    assert f"http://127.0.0.1:{receiver.port}" in listed
    assert "t0ken" not in listed, "the table has only the origin"
    changed = latchkey.json(
        "webhooks", "edit", webhook_id, "--all-events", "--label", "all", "--receiver", receiver.url
    )
    assert (changed["label"], changed["event_types"]) == ("all", [])
    one = latchkey.json("webhooks", "edit", webhook_id, "--event-type", "KeyIssued", "--event-type", "KeyRevoked")
    assert one["event_types"] == ["KeyIssued", "KeyRevoked"]


def test_enable_and_disable(latchkey: Latchkey, webhook: dict[str, Any]) -> None:
    disabled = latchkey.json("webhooks", "disable", webhook["id"])
    assert (disabled["enabled"], disabled["disabled_reason"]) == (False, "operator")
    assert "disabled: operator" in latchkey.run("webhooks", "list").out
    assert latchkey.json("webhooks", "enable", webhook["id"])["enabled"] is True


def test_outdated_state_is_rejected(latchkey: Latchkey, webhook: dict[str, Any]) -> None:
    latchkey.json("webhooks", "edit", webhook["id"], "--label", "newer", "--if-match", "0")
    for command in (
        ["disable"],
        ["enable"],
        ["test"],
        ["rotate-secret"],
        ["delete", "--yes"],
        ["edit", "--label", "x"],
    ):
        ran = latchkey.run("webhooks", *command, webhook["id"], "--if-match", "0")
        assert (ran.exit_code, "412 precondition-failed" in ran.err) == (2, True), command
        assert "latchkey webhooks show" in ran.err
    assert latchkey.json("webhooks", "show", webhook["id"])["label"] == "newer"


def test_delivery_is_shown_and_sent_again(latchkey: Latchkey, webhook: dict[str, Any], receiver: Receiver) -> None:
    receiver.responses = [body(200, b"thanks, whsec_" + b"A" * 43)]
    revoke_a_key(latchkey)
    (listed,) = finished(latchkey, webhook["id"])
    assert (listed["event_type"], listed["outcome"], listed["status"]) == ("KeyRevoked", "delivered", 200)
    shown = latchkey.json("webhooks", "deliveries", webhook["id"], str(listed["id"]))
    (received,) = receiver.deliveries
    Verifier(webhook["secret"]).verify(received.body, received.headers)
    assert shown["request"]["body"].encode() == received.body
    assert shown["response_body"] == "thanks, whsec_[redacted]"
    lines = latchkey.run("webhooks", "deliveries", webhook["id"], str(listed["id"])).out
    assert re.search(rf"> webhook-id +evt_{listed['event_id']}\n", lines)
    assert "< body" in lines
    resend = latchkey.json("webhooks", "resend", webhook["id"], str(listed["id"]))
    assert (resend["kind"], resend["event_id"]) == ("resend", listed["event_id"])
    again = finished(latchkey, webhook["id"], 2)[0]
    assert (again["id"], again["outcome"], again["attempt"]) == (resend["id"], "delivered", 2)
    assert [one.headers["webhook-id"] for one in receiver.deliveries] == [f"evt_{listed['event_id']}"] * 2
    table = latchkey.run("webhooks", "deliveries", webhook["id"], "--limit", "1")
    heading, row = table.out.splitlines()
    assert heading.split()[:3] == ["ID", "AT", "KIND"]
    assert "resend" in row
    assert table.err == f"latchkey: there are more deliveries: --before {resend['id']}\n"
    rest = latchkey.json("webhooks", "deliveries", webhook["id"], "--before", str(resend["id"]))
    assert ([one["id"] for one in rest["items"]], rest["next"]) == ([listed["id"]], None)


def test_test_delivery(latchkey: Latchkey, webhook: dict[str, Any], receiver: Receiver) -> None:
    latchkey.json("webhooks", "disable", webhook["id"])
    assert latchkey.json("webhooks", "test", webhook["id"])["id"] == webhook["id"]
    assert receiver.wait().event["type"] == "WebhookTest"
    (listed,) = finished(latchkey, webhook["id"])
    assert listed["kind"] == "test"
    refused = latchkey.run("webhooks", "resend", webhook["id"], str(listed["id"]))
    assert (refused.exit_code, "This was a test. Send another test instead." in refused.err) == (2, True)


@pytest.mark.parametrize("command", [["delete"], ["rotate-secret", "--at-once"]], ids=" ".join)
def test_irreversible_command_needs_yes_without_terminal(
    latchkey: Latchkey, webhook: dict[str, Any], command: list[str]
) -> None:
    before = latchkey.json("webhooks", "show", webhook["id"])
    ran = latchkey.run("webhooks", *command, webhook["id"])
    assert (ran.exit_code, ran.out, "add --yes" in ran.err) == (2, "", True)
    assert latchkey.json("webhooks", "show", webhook["id"]) == before


def test_delete(latchkey: Latchkey, receiver: Receiver) -> None:
    webhook_id = latchkey.json("webhooks", "add", receiver.url, "--disabled")["id"]
    ran = latchkey.run("webhooks", "delete", webhook_id, "--yes")
    assert (ran.exit_code, ran.out, ran.err) == (0, "", f"latchkey: {webhook_id} is deleted\n")
    assert latchkey.run("webhooks", "show", webhook_id).exit_code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", UNKNOWN), ("edit", UNKNOWN, "--label", "x"), ("test", UNKNOWN), ("rotate-secret", UNKNOWN),
        ("enable", UNKNOWN), ("delete", UNKNOWN, "--yes"), ("deliveries", UNKNOWN), ("deliveries", UNKNOWN, "1"),
        ("resend", UNKNOWN, "1"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_unknown_webhook_exits_2(latchkey: Latchkey, arguments: tuple[str, ...]) -> None:
    ran = latchkey.run("webhooks", *arguments)
    assert (ran.exit_code, ran.out) == (2, "")
    assert "404 not-found" in ran.err
    assert "latchkey webhooks list" in ran.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "wh_X"), ("show", "whsec_" + "A" * 43), ("edit", UNKNOWN), ("add",), ("resend", UNKNOWN, "x"),
        ("edit", UNKNOWN, "--all-events", "--event-type", "KeyIssued"), ("deliveries", UNKNOWN, "--limit", "0"),
        ("rotate-secret", UNKNOWN, "--at-once", "--grace", "2d"),
    ],
)  # fmt: skip
def test_usage_error_exits_2_and_repeats_no_secret(latchkey: Latchkey, arguments: tuple[str, ...]) -> None:
    ran = latchkey.run("webhooks", *arguments)
    assert (ran.exit_code, ran.out) == (2, "")
    assert "A" * 43 not in ran.err


def test_rejected_values_are_listed(latchkey: Latchkey) -> None:
    ran = latchkey.run("webhooks", "add", "ftp://hooks.example", "--event-type", "KeyEaten")
    assert (ran.exit_code, ran.out) == (2, "")
    assert "/url: " in ran.err
    assert "/event_types/0: " in ran.err


def test_writer_gets_a_receipt(latchkey: Latchkey, webhook: dict[str, Any]) -> None:
    create = ("keys", "create", "--label", "writer", "--scope", "webhooks:write", "--scope", "events:read")
    writer = latchkey.with_key(latchkey.json(*create)["credential"])
    assert writer.json("webhooks", "edit", webhook["id"], "--label", "mine") == {"id": webhook["id"], "label": "mine"}
    assert "url" not in writer.run("webhooks", "test", webhook["id"]).out
    refused = writer.run("webhooks", "deliveries", webhook["id"])
    assert (refused.exit_code, "403 insufficient-scope" in refused.err) == (2, True)
    assert SECRET.fullmatch(writer.run("webhooks", "rotate-secret", webhook["id"]).out.strip())


def test_unreachable_server_exits_3(latchkey: Latchkey) -> None:
    assert latchkey.at("http://127.0.0.1:9").run("webhooks", "list").exit_code == 3
