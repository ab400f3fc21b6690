"""Lines of the proxy configurations about fields that carry nothing but a credential: sent to Latchkey, and removed.

Many services read an underscore in a field's name as a hyphen, so every spelling is removed. nginx and Envoy drop all
fields with underscores.
"""

from collections.abc import Mapping, Sequence
from itertools import product


def nginx(names: Sequence[str]) -> Mapping[str, str]:
    """Return the lines by placeholder of the template."""
    return {"OWN_HEADERS": "".join(f'        proxy_set_header {name} "";\n' for name in names)}


def caddy(names: Sequence[str]) -> Mapping[str, str]:
    """Return the lines by placeholder of the template."""
    return {"OWN_HEADERS": "".join(f"\t\theader_up -{name}\n" for name in _spellings(names))}


def envoy(names: Sequence[str], *, leaves_authorization: bool) -> Mapping[str, str]:
    """Return the lines by placeholder of the template."""
    lower = [name.lower() for name in names]
    removed = [] if leaves_authorization else ["authorization"]
    return {
        "OWN_HEADERS_ASKED": "".join(f'                          - exact: "{name}"\n' for name in lower),
        "REMOVED": ", ".join(f'"{name}"' for name in (*lower, *removed)),
    }


def traefik(names: Sequence[str]) -> Mapping[str, str]:
    """Return the lines by placeholder of the template."""
    return {
        "OWN_HEADERS_ASKED": "".join(f'"{name}", ' for name in names),
        "OWN_HEADERS": "".join(f'          {name}: ""\n' for name in _spellings(names)),
    }


def _spellings(names: Sequence[str]) -> list[str]:
    """Return each name with hyphens and with underscores, in every combination."""
    split = [name.split("-") for name in names]
    return [
        first + "".join(mark + other for mark, other in zip(marks, others, strict=True))
        for first, *others in split
        for marks in product("-_", repeat=len(others))
    ]
