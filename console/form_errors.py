"""Errors of a service on the form that caused them."""

from django import forms

from latchkey.problems import ProblemError


def show_problem(form: forms.BaseForm, error: ProblemError) -> None:
    """Add every error to its field, or to the top of the form if it has none there."""
    for fault in error.errors:
        _, name, *inner = fault.pointer.split("/") if fault.pointer else ("", "")
        text = f"/{'/'.join(inner)}: {fault.detail}" if inner else fault.detail
        form.add_error(name if name in form.fields else None, text)
    if not error.errors:
        form.add_error(None, error.detail)
