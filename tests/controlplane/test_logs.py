import io
import json
import logging
import logging.config
from typing import Any

import pytest
import structlog

from controlplane.logs import logging_config
from latchkey.credentials import generate_key_id, generate_secret

SECRET = generate_secret()
KEY_ID = generate_key_id()


def written(log_format: str, tell: Any) -> str:
    """What one call writes to the handler that logging_config makes."""
    config = logging_config("INFO", log_format)
    formatter = config["formatters"]["line"]
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        formatter["()"](foreign_pre_chain=formatter["foreign_pre_chain"], processors=formatter["processors"])
    )
    logger = logging.getLogger("latchkey.test")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(handler)
    try:
        tell(logger)
    finally:
        logger.removeHandler(handler)
    return stream.getvalue()


def crash(logger: logging.Logger) -> None:
    try:
        raise ValueError(f"cannot use {KEY_ID}:{SECRET}")
    except ValueError:
        structlog.get_logger("latchkey.test").exception("failed", credential=f"{KEY_ID}:{SECRET}")
        logger.exception("failed for %s", SECRET)


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_secrets_are_redacted(log_format: str) -> None:
    text = written(log_format, crash)
    assert "Traceback" in text
    assert KEY_ID in text
    assert SECRET not in text
    assert "[redacted]" in text


def test_json_lines_have_context() -> None:
    with structlog.contextvars.bound_contextvars(request_id="r-1", key_id=KEY_ID):
        text = written("json", lambda logger: logger.info("library says %s", "hello"))
    (line,) = [json.loads(line) for line in text.splitlines()]
    assert (line["event"], line["request_id"], line["key_id"], line["level"]) == (
        "library says hello",
        "r-1",
        KEY_ID,
        "info",
    )
    assert line["timestamp"].endswith("Z")


def test_line_break_cannot_forge_entry() -> None:
    text = written("json", lambda logger: logger.info('a\n{"event": "forged"}'))
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize(
    "path",
    ['/password=a",x', '/x/x-api-key:"zz', '/w/whsec_"zz', "/cookie=\\", '/a"b\\c', '{\\"password\\": \\"hunter2\\"}'],
)
def test_redacted_line_is_valid_json(path: str) -> None:
    text = written(
        "json", lambda _: structlog.get_logger("latchkey.test").info("request", path=path, more={"password": [path]})
    )
    (line,) = [json.loads(line) for line in text.splitlines()]
    assert line["event"] == "request"
    assert "hunter2" not in text


def test_sensitive_fields_are_hidden() -> None:
    data = {"password": "hunter2", "headers": {"cookie": "sessionid=hunter2"}, "API-Key": ["hunter2"], "label": "kept"}
    text = written("json", lambda _: structlog.get_logger("latchkey.test").info("e", credential="hunter2", data=data))
    assert "hunter2" not in text
    assert json.loads(text)["data"]["label"] == "kept"


def test_control_characters_are_escaped() -> None:
    text = written("console", lambda logger: logger.info("/a\x1b[2Jb\rc\x9b1A\x07"))
    assert not set("\x1b\r\x9b\x07") & set(text)
