"""Definitions, submission, queue, schedules and hooks of jobs.

``jobs.integrator.sync_links(vendor="ornament_shop_com", year=1998).submit()`` submits one.
"""

from typing import Any

from christmas.jobs.definitions import auditor, integrator

__all__ = ["auditor", "integrator"]


def __getattr__(name: str) -> Any:
    """Say which jobs there are where there is no such consumer."""
    from christmas.jobs.definitions.registry import DEFINITIONS

    raise AttributeError(f"There are no jobs {name!r}; there are {', '.join(sorted(DEFINITIONS))}.")
