"""`python -m deploy.docs [DIRECTORY]`: builds the documentation of this version into site/VERSION."""

import html
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from deploy.docs.pages import DOCS, INDEX, ROOT, BrokenLink, llms_txt, pages, sections
from latchkey import __version__

SITE: Final = ROOT / "site"
_HERE: Final = Path(__file__).parent
_VERSIONS: Final = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Latchkey documentation: versions</title>
<h1>Latchkey documentation</h1>
<ul>
{items}
</ul>
</html>
"""


def build(site: Path) -> Path:
    """Build this version below `site`, and the list of versions that are there. Return the version's directory.

    Raise BrokenLink, or CalledProcessError for anything else that is wrong, such as a link to a missing heading.
    """
    found = pages()
    target = site / __version__
    with tempfile.TemporaryDirectory(prefix="latchkey-docs-") as place:
        source, output = Path(place) / "source", Path(place) / "html"
        _stage(found, source)
        command = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going", "--nitpicky"]
        command += ["--conf-dir", str(_HERE), "--doctree-dir", str(Path(place) / "doctrees")]
        command += ["--define", f"release={__version__}", str(source), str(output)]
        subprocess.run(command, check=True)  # noqa: S603 - our own command
        shutil.rmtree(output / "_sources", ignore_errors=True)
        (output / ".buildinfo").unlink(missing_ok=True)
        for name, text in found.items():
            (output / name).write_text(text, encoding="utf-8")
        (output / "llms.txt").write_text(llms_txt(found[INDEX], _summary()), encoding="utf-8")
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(output, target)
    _list_versions(site, found[INDEX])
    return target


def _stage(found: dict[str, str], source: Path) -> None:
    shutil.copytree(DOCS / "images", source / "images")
    for name, text in found.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text, encoding="utf-8")
    trees = [
        "\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *listed, "```"])
        for caption, listed in sections(found[INDEX])
    ]
    (source / INDEX).write_text("\n\n".join([found[INDEX], *trees]) + "\n", encoding="utf-8")


def _list_versions(site: Path, index: str) -> None:
    """Write the page that lists the versions, newest first, and the llms.txt of the newest."""
    versions = sorted((path.parent.name for path in site.glob("*/llms.txt")), key=_order, reverse=True)
    items = "\n".join(f'<li><a href="{html.escape(name)}/index.html">{html.escape(name)}</a>' for name in versions)
    (site / "index.html").write_text(_VERSIONS.format(items=items), encoding="utf-8")
    if versions[0] == __version__:
        (site / "llms.txt").write_text(llms_txt(index, _summary(), f"{__version__}/"), encoding="utf-8")


def _order(version: str) -> tuple[list[int], bool, str]:
    """Return what versions are sorted by: their numbers, and a pre-release before its release."""
    numbers, _, pre = version.partition("-")
    return [int(number) for number in re.findall(r"\d+", numbers)], not pre, pre


def _summary() -> str:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    [summary] = re.findall(r"^\*\*(.+?)\*\*", readme, flags=re.MULTILINE | re.DOTALL)[:1]
    return " ".join(str(summary).split())


def main() -> int:
    """Build the site, and print where it is. Return the exit status."""
    site = Path(sys.argv[1]) if len(sys.argv) > 1 else SITE
    try:
        target = build(site)
    except BrokenLink as error:
        print(f"latchkey: the documentation was NOT built: broken link: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print("latchkey: the documentation was NOT built: see the warnings above.", file=sys.stderr)
        return error.returncode
    print((target.relative_to(ROOT) if target.is_relative_to(ROOT) else target) / "index.html")
    return 0


if __name__ == "__main__":
    sys.exit(main())
