"""What is masked, what is not, and that no handler gets a record past it."""

from __future__ import annotations

import io
import logging
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from christmas.config import Config
from christmas.logs import redaction
from christmas.logs.redaction import redact

JOB = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("to postgresql://ann:hidden@host/db now", "to postgresql://***@host/db now"),
        ("redis://:hidden@host:6379/0, again", "redis://***@host:6379/0, again"),
        ("postgresql+psycopg://ann:hid@den@host/db", "postgresql+psycopg://***@host/db"),
        ("postgresql://ann:hid/den@host/db", "postgresql://***@host/db"),
        ("postgresql://host/db?user=ann&password=hidden&x=1", "postgresql://host/db?user=ann&password=***&x=1"),
        ("host=db password='hidden word' user=ann", "host=db password=*** user=ann"),
        ('{"password": "hidden", "user": "ann"}', '{"password": ***, "user": "ann"}'),
        ("api_key=hidden, token: hidden; X-Secret=hidden", "api_key=***, token: ***; X-Secret=***"),
        ("key=hIdden0123456789", "key=***"),
        ("Authorization: Basic aGlkZGVu\nHost: a", "Authorization: ***\nHost: a"),
        ("{b'Cookie': [b'hidden=1; hidden=2'], b'Host': [b'a']}", "{b'Cookie': ***"),
        ("[('Set-Cookie', 'hidden=1; Path=/')]", "[('Set-Cookie', ***"),
        ("sent Basic aGlkZGVuOjEyMw== and was refused", "sent Basic *** and was refused"),
        ("Bearer hidden.0.hidden", "Bearer ***"),
    ],
)
def test_it_is_masked(text: str, masked: str) -> None:
    assert redact(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        f"Job {JOB} (integrator.sync_links ornament_shop_com) succeeded",
        f"logs/christmas/ornament_shop_com/{JOB}.log",
        "key 1009 is fine, and so are key=1009, keys=1009,1010 and key=/frosty-friends-1998/",
        "key=frosty-friends-1998-the-ornament-of-the-year",
        "product 6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        "https://shop.example/Hallmark-2025-Keepsake-Ornament-Snow-Frost and http://127.0.0.1:8000/a@b?c=@d",
        "christmas/0.1.0 (+mailto:you@example.org)",
        "'COOKIES_ENABLED': False, 'TELNETCONSOLE_PASSWORD_SET': 1",
        "HTTP Basic authentication; the token was fine; 3 tokens",
        "a" * 43,
    ],
)
def test_it_is_left_alone(text: str) -> None:
    assert redact(text) == text


def test_a_key_of_this_project_is_masked_wherever_it_stands() -> None:
    for _ in range(500):
        key = secrets.token_urlsafe(32)
        for text in (f"{key}", f"ann:{key}.", f"'{key}'", f"GET /jobs?x={key}&y=1", f'{{"a": "{key}"}}'):
            assert key not in redact(text)


def test_the_configurations_own_secrets_are_masked_in_every_spelling() -> None:
    config = Config(
        database={"url": "postgresql://ann:p%40ss%2Fword@host/db"},
        redis={"url": "redis://host/0?password=of-redis"},
        access={"key": "short", "test_users": {"internal": "of-internal-tests"}},
    )
    redaction.install(config)
    said = "p@ss/word p%40ss%2Fword xof-redis short shortly of-internal-tests!"
    assert redact(said) == "*** *** xof-redis *** shortly ***!"
    assert redact("(of-redis)") == "(***)"


def test_no_handler_gets_a_record_past_it() -> None:
    file = io.StringIO()
    logger, handler = logging.getLogger("tests.any"), logging.StreamHandler(file)
    logger.addHandler(handler)
    try:
        logger.warning("url %s", "redis://:hidden@host", stack_info=True)
        logger.warning({"password": "hidden"})
        try:
            try:
                raise ValueError("redis://:hidden@host")  # noqa: TRY301  # the inner of two
            except ValueError as error:
                raise RuntimeError("password=hidden") from error
        except RuntimeError:
            logger.exception("failed")
    finally:
        logger.removeHandler(handler)
    text = file.getvalue()
    assert "hidden" not in text
    assert "RuntimeError: password=***" in text
    assert "ValueError: redis://***@host" in text


@pytest.mark.integration
@pytest.mark.parametrize("where", ["", "import threading; threading.Thread(target=fail).start(); "])
def test_a_process_that_dies_prints_none(where: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    call = where or "fail()"
    program.write_text(
        "import os\nfrom christmas.logs import redaction\nredaction.install()\n"
        f"def fail(): raise ValueError('redis://:' + os.environ['HIDDEN'] + '@host')\n{call}\n"
    )
    command = [sys.executable, str(program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, env={"HIDDEN": "hidden"}, cwd=tmp_path)
    assert "ValueError: redis://***@host" in done.stderr
    assert "hidden@" not in done.stderr
    assert done.returncode == (0 if where else 1)
