"""What the OpenAPI document promises is asked for, in many odd ways, and is so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.farm import ROOT
from tests.server.running import Server

EXAMPLES, SECONDS = 20, 150


def test_the_api_keeps_what_its_document_promises(own: Server, tmp_path: Path) -> None:
    key = own.key("internal", user="schemathesis")[1]
    command = [
        str(Path(sys.executable).parent / "schemathesis"), "run", f"{own.url}/api/v1/openapi.json",
        "--header", f"Authorization: Bearer {key}", "--max-examples", str(EXAMPLES), "--seed", "1973",
        "--phases", "examples,coverage,fuzzing", "--request-timeout", "20", "--no-color",
        # Its own user and key must not be removed while it asks.
        "--exclude-path-regex", r"/(users|keys)/\{", "--generation-database", "none",
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:] + own.log[-2000:]
    assert "No issues found" in done.stdout, done.stdout[-3000:]
    _ = ROOT
