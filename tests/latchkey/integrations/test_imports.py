"""No module imports a framework that it isn't for, and what needs none runs without any."""

import subprocess
import sys

import pytest

from tests.support.commands import ROOT

FRAMEWORKS = ("django", "rest_framework", "fastapi", "flask", "starlette")
NEEDS = {
    "asgi": (),
    "wsgi": (),
    "django": ("django",),
    "django_app": ("django",),
    "drf": ("django", "rest_framework"),
    "fastapi": ("fastapi", "starlette"),
    "flask": ("flask",),
}
# Importing a module that is None in this table fails as if it weren't installed.
PROGRAM = "import sys; sys.modules |= dict.fromkeys(sys.argv[1:])\n"
CONFIGURE = "from django.conf import settings; settings.configure()\n"


@pytest.mark.parametrize("integration", NEEDS)
def test_only_its_own_framework_is_imported(integration: str) -> None:
    needed = NEEDS[integration]
    configure = CONFIGURE if "django" in needed else ""
    program = f"{PROGRAM}{configure}import latchkey, latchkey.integrations.{integration}\nlatchkey.Client, latchkey.AsyncClient"
    missing = [name for name in FRAMEWORKS if name not in needed]
    done = subprocess.run(
        [sys.executable, "-c", program, *missing], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_package_itself_imports_no_integration() -> None:
    program = "import sys, latchkey.client.client, latchkey.cli.main; print([name for name in sys.modules if 'integrations' in name])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
