"""What a sample shop can do wrong on request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "status", "slow", "slow_body", "truncated", "challenge", "empty", "binary", "huge", "charset", "elsewhere"
]
HUGE_BYTES = 50 * 2**20
CHALLENGE = (
    b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body><h1>Checking your browser</h1>"
    b"<script>window._cf_chl_opt={cType:'managed'};</script></body></html>"
)


@dataclass
class Fault:
    """One fault for the next ``times`` requests whose path matches ``pattern``.

    ``status`` answers with the code ``status`` (500 where none is given); ``challenge`` shows a bot wall, with 403 or
    the code given; ``slow`` waits ``seconds`` before the first byte, ``slow_body`` in the middle of the body;
    ``truncated`` closes the connection in the middle of the body; ``huge`` sends 50 MB; ``charset`` sends another one
    than it names; ``elsewhere`` redirects to another host. ``headers`` (Retry-After, Location) are sent with any.
    """

    kind: Kind
    pattern: str = ""
    times: int = 1
    status: int | None = None
    seconds: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)
