"""Form for one limit of a plan, and the service's errors next to its fields."""

from collections.abc import Mapping
from typing import Any, Final

from django import forms

from access.secret_free_form import SecretFreeForm
from console.limits.amounts import WholeNumberField, amount_of, in_own_words, with_separators
from console.limits.words import PERIODS, limit_words
from latchkey.problems import FieldError
from ratelimit.periods import Per, Starts
from ratelimit.plan_limit import DEFAULT_UNIT, Mode, PlanLimit, Shared

OTHER: Final = "other"
_SECONDS: Final = {word: seconds for seconds, word in PERIODS.items()}
_QUOTA_PERIODS: Final = tuple(per.value for per in Per)
_PERIOD_CHOICES: Final = (
    *((word, f"a{'n' if word == 'hour' else ''} {word}") for word in (*_SECONDS, "month")),
    ("once", "once, never again"),
    (OTHER, "other: so many seconds"),
)
_KINDS: Final = (
    ("rate", "Rate"),
    ("quota", "Quota"),
    ("concurrency", "Concurrency"),
)
# The field for each pointer below a limit.
_FIELDS: Final = {
    "rate/burst": "amount",
    "rate/per_seconds": "seconds",
    "quota/quota": "amount",
    "quota/per": "per",
    "quota/timezone": "timezone",
    "quota/starts": "starts",
    "concurrency": "amount",
    **{name: name for name in ("name", "unit", "mode", "shared")},
}


class LimitForm(SecretFreeForm, forms.Form):
    """Form for one limit. Without a name and an amount, there is none."""

    name = forms.CharField(
        required=False,
        max_length=64,
        label="Limit name",
        help_text="For example monthly.",
    )
    kind = forms.ChoiceField(
        choices=_KINDS, initial="quota", help_text="A rate refills all the time, a quota starts again with each period."
    )
    amount = WholeNumberField(required=False, help_text="For example 1,000,000.")
    per = forms.ChoiceField(choices=_PERIOD_CHOICES, initial="month", help_text="Concurrency has no period.")
    seconds = WholeNumberField(required=False, label="Seconds", help_text="Only for the period “other”.")
    unit = forms.CharField(
        required=False, max_length=64, initial=DEFAULT_UNIT, help_text="What is counted, for example tokens."
    )
    shared = forms.ChoiceField(
        choices=((Shared.KEY.value, "Each key has its own"), (Shared.OWNER.value, "All keys of an owner share it")),
        label="Counted for",
    )
    mode = forms.ChoiceField(
        choices=((Mode.ENFORCE.value, "Refuse requests above it"), (Mode.OBSERVE.value, "Only count and report")),
        label="What happens",
    )
    timezone = forms.CharField(
        required=False,
        max_length=64,
        initial="UTC",
        label="Time zone",
        widget=forms.TextInput(attrs={"list": "timezones"}),
        help_text="Of days, weeks and months, for example Europe/Berlin.",
    )
    starts = forms.ChoiceField(
        choices=(
            (Starts.CALENDAR.value, "On the 1st"),
            (Starts.ANCHOR.value, "On the anchor day of the owner"),
        ),
        label="Months start",
    )
    remove = forms.BooleanField(required=False, label="Remove this limit")

    def __init__(self, data: Any, *, number: int, limit: PlanLimit | None = None) -> None:
        """`limit` is what the plan has here already."""
        super().__init__(data, prefix=f"limit-{number}", initial=limit_initial(limit) if limit else {})
        self.words = limit_words(limit) if limit else ""
        if limit is None:
            del self.fields["remove"]

    @property
    def is_stated(self) -> bool:
        """Return whether the form states a limit: it's neither empty nor removed."""
        typed = (self[name].value() for name in ("name", "amount"))
        return not self.cleaned_data.get("remove") and any(str(value or "").strip() for value in typed)

    @property
    def is_open(self) -> bool:
        """Return whether the page shows the fields without a click."""
        return bool(self.errors or self["name"].value() or self["amount"].value())

    def clean(self) -> dict[str, Any]:
        values = super().clean()
        if not self.is_stated:
            # What is removed, or was never filled in, can't be wrong.
            self._errors.clear()  # type: ignore[attr-defined]
            return values
        for name, label in (("name", "a name"), ("amount", "an amount")):
            if name in values and not values[name] and values[name] != 0:
                self.add_error(name, f"Enter {label}, or leave both name and amount empty.")
        if fault := _period_fault(values):
            self.add_error(*fault)
        return values

    def as_json(self) -> dict[str, object]:
        """Return the limit as the service takes it."""
        values = self.cleaned_data
        usual = {"name": values["name"], "unit": values["unit"] or DEFAULT_UNIT}
        return {**usual, "mode": values["mode"], "shared": values["shared"], **_amount(values)}

    def show(self, pointer: str, fault: FieldError) -> None:
        """Show an error of the service next to the field for `pointer`, which is below the limit."""
        name = _FIELDS.get(pointer)
        if name == "seconds" and self.cleaned_data.get("per") != OTHER:
            name = "per"
        self.add_error(name if name in self.fields else None, self._in_own_words(name, pointer, fault.detail))

    def _in_own_words(self, name: str | None, pointer: str, detail: str) -> str:
        """Return the detail with the form's label in place of the field's name in JSON."""
        if name is None:
            return detail
        words = in_own_words(detail, pointer.rpartition("/")[2], str(self[name].label))
        return with_separators(words) if name in ("amount", "seconds") else words


def limit_initial(limit: PlanLimit) -> dict[str, object]:
    """Return the form's values for a limit."""
    found = {"name": limit.name, "kind": limit.kind, "unit": limit.unit, "amount": amount_of(limit)}
    found |= {"mode": limit.mode.value, "shared": limit.shared.value}
    if limit.rate is not None:
        word = PERIODS.get(limit.rate.per_seconds)
        return {**found, "per": word} if word else {**found, "per": OTHER, "seconds": limit.rate.per_seconds}
    if limit.quota is not None:
        quota = limit.quota
        found |= {"per": quota.per.value, "timezone": quota.timezone, "starts": quota.starts.value}
    return found


def _period_fault(values: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the field and the error if the period doesn't suit the kind."""
    kind, per, seconds = values.get("kind"), values.get("per"), values.get("seconds")
    if kind == "rate" and per not in (*_SECONDS, OTHER):
        return "per", "A rate refills within a second, minute, hour, day or week. For this period, choose a quota."
    if kind == "quota" and per not in _QUOTA_PERIODS:
        return "per", "A quota starts again each hour, day, week or month, or is once. For this period, choose a rate."
    if kind == "rate" and per == OTHER and "seconds" in values and seconds is None:
        return "seconds", "Enter how many seconds an empty bucket takes to fill."
    return None


def _amount(values: Mapping[str, Any]) -> dict[str, object]:
    amount = values["amount"]
    if values["kind"] == "rate":
        seconds = values["seconds"] if values["per"] == OTHER else _SECONDS[values["per"]]
        return {"rate": {"burst": amount, "per_seconds": seconds}}
    if values["kind"] == "concurrency":
        return {"concurrency": amount}
    zone = values["timezone"] or "UTC"
    return {"quota": {"quota": amount, "per": values["per"], "timezone": zone, "starts": values["starts"]}}
