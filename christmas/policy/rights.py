"""The rights of one service's process in the catalog; its functions check them, and the database enforces them too."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from christmas.errors import AccessDenied, ConfigurationError
from christmas.policy import rules

if TYPE_CHECKING:
    from christmas.config import Config
    from christmas.policy.rules import Policy

# The resource of the policy that each table belongs to.
TABLES = {
    "keys": "listings", "key_aliases": "listings", "listings": "listings", "listing_keys": "listings",
    "products": "products", "vocabulary": "products", "changes": "changes",
    "held_changes": "held", "vendor_health": "health", "kept_pages": "pages",
    "jobs": "jobs", "job_children": "jobs",
    "schedules": "schedules", "firings": "schedules",
    "users": "access", "role_bindings": "access", "api_keys": "access", "sessions": "access",
    "access_log": "access_log",
    "eggs": "eggs",
}  # fmt: skip
# The only column of keys that a process with the right access.use may write.
USED_COLUMN = ("api_keys", "last_used_at")


class Rights:
    """The rights of one subject of the policy: ``service:scheduler``, ``spider:integrator.browser`` ..."""

    def __init__(self, subject: str, rules: Policy) -> None:
        self.subject = subject
        self._rules = rules

    def allows(self, resource: str, action: str) -> bool:
        """Return whether the subject may."""
        return self._rules.allows(self.subject, resource, action)

    def require(self, resource: str, action: str) -> None:
        """Raise AccessDenied where the subject may not."""
        if not self.allows(resource, action):
            raise AccessDenied(f"{self.subject} has no permission {resource}.{action}.")


def load(config: Config) -> Rights | None:
    """Return the rights of this process; None for one that acts as the database's owner."""
    return _rights(config.service, rules.load(config)) if config.service else None


@cache
def _rights(subject: str, policy: Policy) -> Rights:
    if subject not in policy.subjects():
        raise ConfigurationError(
            f"The policy has no {subject}, which this process is; it has {', '.join(policy.subjects()) or 'nothing'}."
        )
    return Rights(subject, policy)
