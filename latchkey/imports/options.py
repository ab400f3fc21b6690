"""Options of the commands that import a file, as both have them: its kind, its source and its columns."""

import re
from pathlib import PurePath
from typing import Any, Final

from latchkey.imports.hashes import HASHES, split_hash
from latchkey.imports.presets import PRESETS

CSV: Final = "csv"
JSONL: Final = "jsonl"
STANDARD_INPUT: Final = "-"

_LENGTH = re.compile(r"(\d{1,3})(?:-(\d{1,3}))?")
_KINDS: Final = {".csv": CSV, ".jsonl": JSONL, ".ndjson": JSONL}

HELP: Final = {
    "file": "CSV with a header, or JSON Lines; - for standard input",
    "preset": f"the table of another system: {', '.join(PRESETS)}",
    "source": "name of the system that issued the tokens; default: that of the preset, or the hash",
    "hash": "how the digests were made: sha256, sha512, sha512-hex, or hmac-sha256:NAME (see IMPORT_HMAC_SECRETS)",
    "token_prefix": "how each token begins",
    "alphabet": "the other characters of a token: digits, hex, base32, base62 or base64url, plus others as in base62+.",
    "length": "length of a whole token, or MIN-MAX",
    "column": "which column has a field, FIELD=COLUMN; can be repeated. metadata.NAME is a field too",
    "file_type": "csv or jsonl; default: by the name of the file",
    "label": "label of keys that have none",
    "owner": "owner of keys that have none",
    "scope": "scope of keys that have none; can be repeated",
    "dry_run": "check everything and import nothing",
}


def kind_of(file: str, given: str | None) -> str:
    """Return the kind of a file: `given`, or by the file's name. Raise ValueError if neither says it."""
    kind = given or _KINDS.get(PurePath(file).suffix.lower())
    if kind not in (CSV, JSONL):
        raise ValueError("the name of the file doesn't end in .csv or .jsonl: add --file-type csv or --file-type jsonl")
    return kind


def source_of(
    preset: str | None,
    *,
    name: str | None,
    hash: str | None,
    prefix: str | None,
    alphabet: str | None,
    length: str | None,
) -> dict[str, Any]:
    """Return the source as JSON: that of the preset, with the options that were given. Raise ValueError."""
    if preset is not None and preset not in PRESETS:
        raise ValueError(f"--from must be one of {', '.join(PRESETS)}")
    given: dict[str, Any] = {"name": name, "hash": hash, "prefix": prefix, "alphabet": alphabet}
    source = dict(PRESETS[preset].source) if preset is not None else {}
    source |= {field: value for field, value in given.items() if value is not None}
    if length is not None:
        match = _LENGTH.fullmatch(length)
        if match is None:
            raise ValueError("--length must be a number, or MIN-MAX")
        source["min_length"], source["max_length"] = int(match[1]), int(match[2] or match[1])
    if "hash" in source and split_hash(str(source["hash"]))[0] not in HASHES:
        raise ValueError(f"--hash must be one of {', '.join(HASHES)}")
    missing = [option for option, field in _REQUIRED.items() if field not in source]
    if missing:
        raise ValueError(f"{' and '.join(missing)} must say what the tokens are like, or --from which table this is")
    source.setdefault("name", str(source["hash"]).partition(":")[0])
    return source


_REQUIRED: Final = {"--hash": "hash", "--alphabet": "alphabet", "--length": "min_length"}
