"""Definitions, submission, queue, schedules and hooks of jobs.

``jobs.integrator.sync_links(vendor="ornament_shop_com", year=1998).submit()`` submits one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from christmas.jobs.definitions import auditor as auditor
    from christmas.jobs.definitions import integrator as integrator


CONSUMERS = ("auditor", "integrator")


def __getattr__(name: str) -> Any:
    """Return a consumer's jobs, ready to be submitted."""
    if name not in CONSUMERS:
        raise AttributeError(f"There are no jobs {name!r}; there are those of {', '.join(CONSUMERS)}.")
    # An import of one module of this package does not pay for all of them: 160 ms (2026-12).
    from christmas.jobs.submission import MODULES

    return MODULES[name]
