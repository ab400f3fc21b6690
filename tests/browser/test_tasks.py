"""How many clicks the usual tasks take, from the overview. A search, from Ctrl-K to Enter, counts as one."""

from collections.abc import Callable
from typing import Literal, cast

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Locator, Page, Request, expect

from apikeys.config_service import ConfigService, IssuedKey
from apikeys.models import APIKey
from console.keys import bulk_all
from events.models import Event
from events.origin import Origin
from latchkey.timestamps import rfc3339
from tests.browser.signing_in import sign_in

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.slow("drives a browser"), pytest.mark.storeless("pages")]
PASSWORD = "a long enough pass phrase"


# Counts in the page what people do there: a click, or a text that is typed or pasted into a box.
COUNT = """
const add = () => sessionStorage.setItem("count", Number(sessionStorage.getItem("count")) + 1);
addEventListener("click", (event) => { if (event.isTrusted && event.detail) add(); }, true);
addEventListener("pointerdown", () => sessionStorage.setItem("pointers", 1), true);
addEventListener("change", (event) => { if (event.target.matches("[data-find]")) add(); }, true);
"""


MOST_TABS = 150


class Tasks:
    """What an operator does, and how much that is; with `keyboard`, without a pointer."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.keyboard = False

    def click(self, role: Literal["link", "button"], name: str, within: Locator | None = None) -> None:
        """Click the link or button, or move to it with the Tab key and press Enter."""
        control = (within or self.page.locator("body")).get_by_role(role, name=name, exact=True).first
        if not self.keyboard:
            control.click()
            return
        self._tab_to(control)
        self.page.keyboard.press("Enter")

    def write(self, label: str, text: str) -> None:
        """Write into the field with this label."""
        field = self.page.get_by_label(label).first
        if self.keyboard:
            self._tab_to(field)
            self.page.keyboard.type(text)
        else:
            field.fill(text)

    def _tab_to(self, control: Locator) -> None:
        control.wait_for()
        for _ in range(MOST_TABS):
            self.page.keyboard.press("Tab")
            if control.evaluate("one => one === document.activeElement"):
                return
        raise AssertionError(f"The Tab key doesn't lead to {control}.")

    def find(self, text: str) -> None:
        """Paste text into the search box, without the pointer, and press Enter."""
        self.page.keyboard.press("Control+k")
        self.page.keyboard.insert_text(text)
        self.page.keyboard.press("Enter")

    @property
    def count(self) -> int:
        return int(self.page.evaluate("Number(sessionStorage.getItem('count'))"))


@pytest.fixture
def issued(live_server: object) -> IssuedKey:
    return ConfigService(Origin.of_command("test")).issue({"label": "night export", "rate_limit": None})


@pytest.fixture
def tasks(page: Page, issued: IssuedKey) -> Tasks:
    User.objects.create_superuser("ada", password=PASSWORD)
    sign_in(page, "ada", PASSWORD)
    page.add_init_script(COUNT)
    page.reload()
    return Tasks(page)


def issue_and_copy(do: Tasks, issued: IssuedKey) -> None:
    do.click("link", "Issue a key")
    do.write("Label", "ci")
    do.click("button", "Issue key")
    do.click("button", "Copy", do.page.locator(".copy").first)
    expect(do.page.get_by_text("Copied").first).to_be_visible()


def revoke_leaked(do: Tasks, issued: IssuedKey) -> None:
    do.find(issued.credential.reveal())
    do.click("link", "Revoke")
    assert issued.credential.secret not in do.page.url
    do.click("button", "Revoke permanently")
    expect(do.page.get_by_text("Key revoked.")).to_be_visible()
    assert APIKey.objects.get(pk=issued.key.pk).revoked_at is not None


def open_fix(do: Tasks, issued: IssuedKey) -> None:
    do.click("link", "Fix", do.page.locator(".incident", has_text="Keys that have no enforced limit"))
    expect(do.page.get_by_role("heading", name="Change the limit")).to_be_visible()


def explain_request(do: Tasks, issued: IssuedKey) -> None:
    do.find(Event.objects.get(type="KeyIssued").request_id)
    expect(do.page.get_by_text("issued night export")).to_be_visible()
    do.click("link", "night export")
    expect(do.page.get_by_role("heading", name="night export")).to_be_visible()


def sell_plan(do: Tasks, issued: IssuedKey) -> None:
    do.click("link", "Plans")
    do.click("link", "Add plan")
    do.write("Name", "team")
    do.write("Limit name", "monthly")
    do.write("Amount", "1,000,000")
    do.page.get_by_label("Counted for").first.select_option("owner")
    do.click("button", "Add plan")
    do.click("link", "Add an owner with this plan")
    do.write("Name", "ACME")
    do.click("button", "Add owner")
    expect(do.page.get_by_role("heading", name="ACME")).to_be_visible()
    expect(do.page.get_by_label("Used of monthly")).to_be_visible()
    expect(do.page.get_by_text("0 used, 1,000,000 left")).to_be_visible()


@pytest.mark.parametrize(
    ("task", "least", "most"),
    [(issue_and_copy, 3, 4), (revoke_leaked, 2, 3), (open_fix, 1, 2), (explain_request, 1, 2), (sell_plan, 5, 5)],
)
def test_task_takes_few_clicks(
    tasks: Tasks, issued: IssuedKey, task: Callable[[Tasks, IssuedKey], None], least: int, most: int
) -> None:
    task(tasks, issued)
    assert least <= tasks.count <= most


@pytest.mark.parametrize("task", [issue_and_copy, revoke_leaked, open_fix, explain_request, sell_plan])
def test_task_works_by_keyboard_alone(
    tasks: Tasks, issued: IssuedKey, task: Callable[[Tasks, IssuedKey], None]
) -> None:
    tasks.keyboard = True
    task(tasks, issued)
    assert int(tasks.page.evaluate("Number(sessionStorage.getItem('pointers'))")) == 0


def test_pages_are_light(tasks: Tasks) -> None:
    """On the first load with all style sheets and scripts, and afterwards, when the browser has those."""
    page, sizes = tasks.page, list[int]()

    def record(request: Request) -> None:
        sizes.append(sum(cast(dict[str, int], request.sizes()).values()))

    page.on("requestfinished", record)
    for path, most in (("/admin/", 150_000), ("/admin/apikeys/apikey/", 40_000), ("/admin/", 40_000)):
        sizes.clear()
        page.goto(path, wait_until="networkidle")
        assert sum(sizes) <= most, path


def test_picker_fills_the_expiry(tasks: Tasks, issued: IssuedKey) -> None:
    """By keyboard, in UTC and in the browser's own zone; Never empties the box."""
    page = tasks.page
    page.goto(f"/admin/apikeys/apikey/{issued.key.key_id}/change/")
    page.locator("summary", has_text="Edit").press("Enter")
    box = page.get_by_label("Expires at (UTC)")
    page.get_by_label("Time zone").select_option("UTC")
    page.get_by_label("Date and time").fill("2099-03-28T02:30:00")
    page.get_by_label("Date and time").blur()
    expect(box).to_have_value("2099-03-28T02:30:00Z")
    page.get_by_role("button", name="Never").press("Enter")
    expect(box).to_have_value("")
    page.get_by_label("Date and time").fill("2099-03-28T02:30:00")
    page.get_by_label("Date and time").blur()
    page.get_by_role("button", name="Save").press("Enter")
    expect(page.get_by_text("Saved.")).to_be_visible()
    expires_at = APIKey.objects.get(pk=issued.key.pk).expires_at
    assert expires_at is not None
    assert rfc3339(expires_at) == "2099-03-28T02:30:00Z"


def test_all_matching_keys_change_step_by_step(tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> None:
    """By keyboard; the steps follow each other without a click."""
    monkeypatch.setattr(bulk_all, "STEP", 3)
    service = ConfigService(Origin.of_command("test"))
    for number in range(8):
        service.issue({"label": f"robot {number}", "owner": "plant"})
    page = tasks.page
    page.goto("/admin/apikeys/apikey/?owner=plant")
    page.get_by_label("With selected keys").select_option("disable")
    page.get_by_label("all that match, on every page").press("Space")
    page.get_by_role("button", name="Continue").press("Enter")
    expect(page.get_by_text("All 8 keys that match the list")).to_be_visible()
    page.get_by_role("button", name="Disable").press("Enter")
    expect(page.get_by_text("8 keys changed.")).to_be_visible()
    assert APIKey.objects.filter(enabled=False).count() == 8
