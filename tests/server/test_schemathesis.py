"""What the OpenAPI document promises is asked for, in many odd ways, and is so."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server.running import Server

SECONDS = 400
# 422 also says what no schema can: that there is no such job, or that two bounds do not fit together. 413 is about the
# body as a whole.
SETTINGS = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", "401", "403", "404", "409", "422"]
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "413", "415", "422"]
"""


@pytest.mark.parametrize(
    ("phases", "examples"),
    [("examples,fuzzing", 1), pytest.param("examples,coverage,fuzzing", 20, marks=pytest.mark.long)],
)
def test_the_api_keeps_what_its_document_promises(phases: str, examples: int, own: Server, tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text(SETTINGS, encoding="utf-8")
    key = own.key("internal", user="schemathesis")[1]
    command = [
        str(Path(sys.executable).parent / "schemathesis"), "run", f"{own.url}/api/v1/openapi.json",
        "--header", f"Authorization: Bearer {key}", "--max-examples", str(examples), "--seed", "1973",
        "--phases", phases, "--request-timeout", "20", "--no-color",
        # Its own user and key must not be removed while it asks.
        "--exclude-path-regex", r"/(users|keys)/\{", "--generation-database", "none",
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:] + own.log[-2000:]
    assert re.search(r"[0-9]{3,} generated", done.stdout), done.stdout[-3000:]
