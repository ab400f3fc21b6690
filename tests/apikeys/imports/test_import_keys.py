"""`manage.py import_keys`: files of keys, their errors by line, and what is written."""

import base64
import csv
import hashlib
import hmac
import io
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from apikeys.config_service import ConfigService
from apikeys.models import APIKey, ImportSource, KeySecret, KeyText
from events.models import Event
from events.verification import verify
from latchkey.peppers import parse_peppers
from tests.apikeys.imports.tables import csv_of, drf_row, drf_token, knox_row, knox_token

pytestmark = pytest.mark.django_db(transaction=True)

Import = Callable[..., dict[str, Any]]


@pytest.fixture
def imported(tmp_path: Path) -> Import:
    """Run the command with a file of these bytes, and return its JSON."""

    def run(content: bytes, *arguments: str, name: str = "keys.csv") -> dict[str, Any]:
        (tmp_path / name).write_bytes(content)
        out = io.StringIO()
        with suppress(SystemExit):  # 2: a row had an error, which the JSON lists
            call_command(
                "import_keys", str(tmp_path / name), *arguments, "--format", "json", stdout=out, stderr=io.StringIO()
            )
        found: dict[str, Any] = json.loads(out.getvalue())
        return found

    return run


def test_summary_names_the_limit_and_lists_only_errors(tmp_path: Path) -> None:
    file = tmp_path / "keys.csv"
    file.write_bytes(csv_of([drf_row(drf_token(), "ada")]))
    for limit, words in ((("--rate", "10/s"), "10 per 1 s"), ((), "60 per 60 s (DEFAULT_RATE_LIMIT)")):
        out, said = io.StringIO(), io.StringIO()
        call_command("import_keys", str(file), "--from", "drf-api-key", *limit, "--dry-run", stdout=out, stderr=said)
        assert out.getvalue() == ""
        assert said.getvalue().endswith(f"0 with errors.\nA key without a limit of its own gets {words}.\n")


def test_table_of_drf_api_key(imported: Import) -> None:
    tokens = [drf_token() for _ in range(4)]
    rows = [
        drf_row(tokens[0], "ada", expiry_date="2099-01-01 00:00:00+00:00"),
        drf_row(tokens[1], "revoked one", revoked="1"),
        drf_row(tokens[2], "expired one", expiry_date="2020-01-01 00:00:00"),
        drf_row(tokens[3], "lin"),
    ]
    found = imported(csv_of(rows), "--from", "drf-api-key", "--scope", "orders:read", "--owner", "acme", "--burst", "5",
                     "--per-seconds", "60")  # fmt: skip
    assert found == {
        "read": 4, "imported": 2, "unchanged": 0, "skipped": {"revoked": 1, "expired": 1}, "failed": 0, "errors": [],
    }  # fmt: skip
    ada, lin = APIKey.objects.order_by("pk")
    assert (ada.label, ada.owner, ada.scopes, ada.rate_limit) == (
        "ada", "acme", ["orders:read"], {"burst": 5, "per_seconds": 60},
    )  # fmt: skip
    assert ada.metadata == {"prefix": tokens[0][:8]}
    assert ada.expires_at is not None
    assert ada.expires_at.isoformat() == "2099-01-01T00:00:00+00:00"
    assert lin.expires_at is None
    secret = KeySecret.objects.get(key=lin)
    assert bytes(secret.digest) == hashlib.sha512(tokens[3].encode()).digest()[:32]
    assert (secret.foreign_hash, secret.pepper_id, secret.slot, secret.state) == ("sha512", "", 0, "active")
    assert KeyText.objects.get(key=lin).text.startswith(f"{lin.key_id}\nlin\nacme")
    assert ImportSource.objects.get().name == "drf-api-key"


def test_dumpdata_of_drf_api_key(imported: Import) -> None:
    row = drf_row(drf_token(), "ada")
    line = {"model": "rest_framework_api_key.apikey", "pk": row.pop("id"), "fields": {**row, "revoked": False}}
    found = imported(json.dumps(line).encode(), "--from", "drf-api-key", name="keys.jsonl")
    assert found["imported"] == 1


@pytest.mark.parametrize("preset", ["knox", "knox4"])
def test_table_of_knox(imported: Import, preset: str) -> None:
    rows = [knox_row(knox_token(), user, before_5=preset == "knox4") for user in (7, 8)]
    assert imported(csv_of(rows), "--from", preset)["imported"] == 2
    assert [(key.label, key.owner) for key in APIKey.objects.order_by("pk")] == [
        (f"knox {row['token_key']}", row["user_id"]) for row in rows
    ]
    line = {"model": "knox.authtoken", "pk": rows[0]["digest"], "fields": {"token_key": "a", "user": 7, "expiry": None}}
    assert imported(json.dumps(line).encode(), "--from", preset, name="keys.jsonl")["unchanged"] == 1


def test_salted_hashes_are_rejected(imported: Import) -> None:
    row = drf_row(drf_token())
    row["hashed_key"] = "pbkdf2_sha256$870000$c2FsdA$" + base64.b64encode(bytes(32)).decode()
    (error,) = imported(csv_of([row]), "--from", "drf-api-key")["errors"]
    assert error["line"] == 2
    assert "salted password hash (pbkdf2_sha256)" in error["detail"]
    assert not APIKey.objects.exists()


@pytest.mark.parametrize("encode", [bytes.hex, lambda raw: raw.hex().upper(), lambda raw: base64.b64encode(raw).decode(),
                                    lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("=")])  # fmt: skip
@pytest.mark.parametrize("function", ["sha256", "sha512", "hmac-sha256:legacy"])
def test_hashes_and_their_texts(
    imported: Import, function: str, encode: Callable[[bytes], str], settings: Settings
) -> None:
    settings.IMPORT_HMAC_SECRETS = "legacy:" + b"a secret".hex()
    token = b"sk_live_0123456789abcdef"
    digest = hmac.digest(b"a secret", token, "sha256") if ":" in function else hashlib.new(function, token).digest()
    content = f"digest,label\n{encode(digest)},a\n".encode()
    shape = ("--hash", function, "--token-prefix", "sk_live_", "--alphabet", "hex", "--length", "24")
    assert imported(content, *shape)["imported"] == 1
    assert bytes(KeySecret.objects.get().digest) == digest[:32]


def test_columns_and_values(imported: Import) -> None:
    header = "hash,who,what,can,rate,until,extra,team"
    digest = hashlib.sha256(b"x").hexdigest()
    cells = [
        digest,
        "ada",
        "billing",
        "a:b  c:d",
        '{"burst": 2, "per_seconds": 3}',
        "2099-01-02T03:04:05+01:00",
        '{"a": [1]}',
        "x",
    ]
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    mapping = ["digest=hash", "owner=who", "label=what", "scopes=can", "rate_limit=rate", "expires_at=until",
               "metadata=extra", "metadata.team=team"]  # fmt: skip
    arguments = [part for column in mapping for part in ("--column", column)]
    content = f"{header}\n{out.getvalue()}".encode()
    assert (
        imported(content, "--hash", "sha256", "--alphabet", "base62", "--length", "20-40", *arguments)["imported"] == 1
    )
    key = APIKey.objects.get()
    assert (key.owner, key.label, key.scopes) == ("ada", "billing", ["a:b", "c:d"])
    assert key.rate_limit == {"burst": 2, "per_seconds": 3}
    assert key.metadata == {"a": [1], "team": "x"}
    assert key.expires_at is not None
    assert key.expires_at.isoformat() == "2099-01-02T02:04:05+00:00"


SHAPE = ("--hash", "sha256", "--alphabet", "base62", "--length", "20-40")


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_errors_by_line_and_the_rest_is_imported(imported: Import) -> None:
    lines = [
        b"digest,label,scopes,burst",
        f"{digest_of('a')},good,,".encode(),
        b"nothing,short digest,,",
        f"{digest_of('b')},=HYPERLINK(1),NOT A SCOPE,".encode(),
        f"{digest_of('c')},\xff not utf-8,,".encode("latin-1"),
        f"{digest_of('d')},too few".encode(),
        f"{digest_of('e')},{'x' * 70_000},,".encode(),
        f'{digest_of("f")},"open" quote,,'.encode(),
        f"{digest_of('a')},the same digest,,".encode(),
        f"{digest_of('g')},no number,,many".encode(),
        f"{digest_of('h')},,,".encode(),
        f"{digest_of('i')},half a limit,,5".encode(),
        f"{digest_of('j')},also good,,".encode(),
    ]
    found = imported(b"\n".join(lines), *SHAPE)
    assert (found["read"], found["imported"], found["failed"]) == (12, 2, 10)
    assert [error["line"] for error in found["errors"]] == [3, 5, 6, 7, 8, 9, 10, 4, 11, 12]
    details = {error["line"]: error["detail"] for error in found["errors"]}
    assert "must be 32 bytes" in details[3]
    assert "scopes/0" in details[4]
    assert details[5] == "The line is not UTF-8."
    assert "has 2 columns" in details[6]
    assert details[7] == "The line has more than 64 KiB."
    assert "isn't CSV" in details[8]
    assert details[9] == "digest: line 2 has the same one."
    assert "label is required" in details[11]
    assert "rate_limit/per_seconds" in details[12]
    assert {key.label for key in APIKey.objects.all()} == {"good", "also good"}


def test_errors_of_json_lines(imported: Import) -> None:
    lines = [
        json.dumps({"digest": digest_of("a"), "label": "good"}),
        "{not json",
        "[1]",
        '{"digest": "x", "digest": "y"}',
        "",
        json.dumps({"digest": digest_of("b"), "label": "bad", "metadata": [1]}),
        json.dumps({"digest": digest_of("c"), "label": "a\u0000b"}),
        json.dumps({"digest": 7, "label": "number"}),
        json.dumps({"digest": digest_of("d"), "label": "bad", "expires_at": 7}),
    ]
    found = imported("\n".join(lines).encode(), *SHAPE, name="keys.jsonl")
    assert found["imported"] == 1
    assert sorted(error["line"] for error in found["errors"]) == [2, 3, 4, 6, 7, 8, 9]


def test_limits_of_json_lines(imported: Import) -> None:
    limits: list[dict[str, Any]] = [
        {},
        {"rate_limit": None},
        {"rate_limit": {"burst": 2, "per_seconds": 3}},
        {"burst": 4, "per_seconds": 5},
    ]
    lines = [json.dumps({"digest": digest_of(str(n)), "label": "x", **limit}) for n, limit in enumerate(limits)]
    lines.append(json.dumps({"digest": digest_of("both"), "label": "x", "rate_limit": None, "burst": 1}))
    found = imported("\n".join(lines).encode(), *SHAPE, "--burst", "7", "--per-seconds", "7", name="keys.jsonl")
    assert [error["line"] for error in found["errors"]] == [5]
    assert [key.rate_limit for key in APIKey.objects.order_by("pk")] == [
        {"burst": 7, "per_seconds": 7}, None, {"burst": 2, "per_seconds": 3}, {"burst": 4, "per_seconds": 5},
    ]  # fmt: skip


def test_dry_run_writes_nothing(imported: Import) -> None:
    content = csv_of([drf_row(drf_token()) for _ in range(3)])
    found = imported(content, "--from", "drf-api-key", "--dry-run")
    assert (found["imported"], found["unchanged"]) == (3, 0)
    for model in (APIKey, KeySecret, ImportSource, Event):
        assert not model.objects.exists()


def test_repeated_import_changes_nothing(imported: Import, service: ConfigService) -> None:
    content = csv_of([drf_row(drf_token(), f"key {index}") for index in range(3)])
    imported(content, "--from", "drf-api-key")
    keys = list(APIKey.objects.order_by("pk"))
    service.revoke(keys[0].key_id)
    # The old token ends with the rotation, and its digest with it.
    service.rotate(keys[1].key_id, {"grace_seconds": 0})
    service.update(keys[2].key_id, {"label": "changed here"})
    before = (Event.objects.count(), list(APIKey.objects.order_by("pk").values()), KeySecret.objects.count())
    for dry_run in ([], ["--dry-run"]):
        found = imported(content, "--from", "drf-api-key", *dry_run)
        assert (found["imported"], found["unchanged"]) == (0, 3)
        assert (
            Event.objects.count(),
            list(APIKey.objects.order_by("pk").values()),
            KeySecret.objects.count(),
        ) == before


def test_repeated_import_after_a_new_pepper(imported: Import, settings: Settings) -> None:
    from apikeys.peppers import configured_peppers

    content = csv_of([drf_row(drf_token())])
    imported(content, "--from", "drf-api-key")
    settings.SECRET_PEPPERS = f"new:{'cd' * 32},{settings.SECRET_PEPPERS}"
    configured_peppers.cache_clear()
    try:
        assert imported(content, "--from", "drf-api-key")["unchanged"] == 1
    finally:
        configured_peppers.cache_clear()


def test_one_event_proves_a_batch(imported: Import, settings: Settings) -> None:
    imported(csv_of([drf_row(drf_token(), f"key {index}") for index in range(3)]), "--from", "drf-api-key")
    event = Event.objects.get()
    assert (event.type, event.actor, event.data["source"], event.data["count"]) == (
        "KeysImported", "command:import_keys", "drf-api-key", 3,
    )  # fmt: skip
    keys = list(APIKey.objects.order_by("pk"))
    assert event.data["keys"] == [key.key_id for key in keys]
    issued = [[key.key_id, key.label, key.owner, key.scopes, key.rate_limit, None, key.metadata] for key in keys]
    text = json.dumps(issued, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert event.data["digest"] == hashlib.sha256(text.encode()).hexdigest()
    assert {key.import_event for key in keys} == {event.id}
    list(verify(parse_peppers(settings.SECRET_PEPPERS)))


def test_source_keeps_its_shape(imported: Import) -> None:
    imported(csv_of([drf_row(drf_token())]), "--from", "drf-api-key")
    with pytest.raises(CommandError, match="/source/max_length: The source drf-api-key has another max_length"):
        imported(csv_of([drf_row(drf_token())]), "--from", "drf-api-key", "--length", "41-60")
    imported(csv_of([drf_row(drf_token())]), "--from", "drf-api-key", "--length", "41-60", "--source", "longer")
    assert ImportSource.objects.count() == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "drf-api-key", "--alphabet", "emoji"], "/source/alphabet"),
        (["--from", "drf-api-key", "--length", "10"], "/source/min_length"),
        (["--from", "drf-api-key", "--length", "41-999"], "/source/max_length"),
        (["--from", "drf-api-key", "--token-prefix", "a b"], "/source/prefix"),
        (["--from", "drf-api-key", "--hash", "md5"], "--hash must be one of sha256"),
        (["--from", "drf-api-key", "--hash", "hmac-sha256:missing"], "IMPORT_HMAC_SECRETS has no secret"),
        (["--hash", "sha256"], "--alphabet and --length must say what the tokens are like"),
        (["--from", "drf-api-key", "--column", "nothing=x"], "a column must be FIELD=COLUMN"),
        (["--from", "drf-api-key", "--length", "x"], "--length must be a number"),
    ],
)
def test_refused_options(imported: Import, arguments: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message.replace("/", ".")) as caught:
        imported(csv_of([drf_row(drf_token())]), *arguments)
    assert caught.value.returncode == 2
    assert not APIKey.objects.exists()


@pytest.mark.parametrize("content", [b"", b'"open', b"a,a\n", b"\xff,b\n"])
def test_file_without_a_header(imported: Import, content: bytes) -> None:
    with pytest.raises(CommandError, match="header"):
        imported(content, "--from", "drf-api-key")


def test_kind_of_file_is_needed(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="add --file-type csv"):
        call_command("import_keys", str(tmp_path / "keys"), "--from", "knox")
    with pytest.raises(CommandError, match="No such file"):
        call_command("import_keys", str(tmp_path / "keys.csv"), "--from", "knox")


def test_file_with_byte_order_mark_and_windows_lines(imported: Import) -> None:
    content = b"\xef\xbb\xbf" + f"digest,label\r\n{digest_of('a')},good\r\n".encode()
    assert imported(content, *SHAPE)["imported"] == 1


def test_many_batches_are_many_events(imported: Import) -> None:
    found = imported(csv_of([drf_row(drf_token(), f"key {index}") for index in range(2100)]), "--from", "drf-api-key")
    assert found["imported"] == APIKey.objects.count() == KeySecret.objects.count() == KeyText.objects.count() == 2100
    assert [event.data["count"] for event in Event.objects.order_by("id")] == [1000, 1000, 100]
