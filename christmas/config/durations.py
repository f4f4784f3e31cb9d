"""How people write a length of time: 30s, 15m, 12h, 7d."""

from __future__ import annotations

import re
from datetime import timedelta

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
PATTERN = r"^[1-9][0-9]{0,6}[smhd]$"


def duration(text: str) -> timedelta | None:
    """Read 30s, 15m, 12h or 7d; None for what is no duration."""
    match = re.fullmatch(PATTERN, text)
    return None if match is None else timedelta(seconds=int(text[:-1]) * SECONDS[text[-1]])
