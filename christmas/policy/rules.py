"""The policy: which role may do what."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from christmas.errors import ConfigurationError

if TYPE_CHECKING:
    from christmas.config import Config

SPIDER = "spider"
# The role of a caller without a key; no key has it.
PUBLIC = "public"
# To read one's own identity, and to sign out: every role of a policy has it, without a line.
SESSION_USE = "session.use"
_FIELDS = {"p": 4, "g": 3}


class Policy:
    """Answers whether a role may do something to a resource; safe to use from several threads."""

    def __init__(self, text: str, where: str) -> None:
        self._rules: list[list[str]] = []
        self._granted: dict[str, set[tuple[str, str]]] = {}  # role to resource and action
        self._parents: dict[str, set[str]] = {}
        for line in map(str.strip, text.splitlines()):
            if not line or line.startswith("#"):
                continue
            rule = [field.strip() for field in line.split(",")]
            if len(rule) != _FIELDS.get(rule[0]) or not all(rule):
                raise ConfigurationError(
                    f"The policy {where} has the line {line!r}: expected p, ROLE, RESOURCE, ACTION or g, ROLE, PARENT."
                )
            self._rules.append(rule)
            if rule[0] == "p":
                self._granted.setdefault(rule[1], set()).add((rule[2], rule[3]))
            else:
                self._parents.setdefault(rule[1], set()).add(rule[2])
        self._names = list(dict.fromkeys(rule[1] for rule in self._rules))

    def allows(self, role: str, resource: str, action: str) -> bool:
        """Return whether the role may; a resource or action ``*`` in the policy stands for any."""
        if f"{resource}.{action}" == SESSION_USE and role in self._names:
            return True
        wanted = {(resource, action), (resource, "*"), ("*", action), ("*", "*")}
        return any(not wanted.isdisjoint(self._granted.get(one, ())) for one in self._inherited(role))

    def _inherited(self, role: str) -> set[str]:
        """Return the role and all whose permissions it inherits."""
        found, open_ = {role}, [role]
        while open_:
            new = self._parents.get(open_.pop(), set()) - found
            found |= new
            open_ += new
        return found

    def permissions(self, role: str) -> list[str]:
        """Return what a role may do, as ``products.read``; one with ``*`` is given what any other has."""
        known = dict.fromkeys((rule[2], rule[3]) for rule in self._rules if rule[0] == "p" and "*" not in rule)
        return sorted(f"{resource}.{action}" for resource, action in known if self.allows(role, resource, action))

    def roles(self) -> list[str]:
        """Return every role that a key can have, in the order of the file."""
        return [role for role in self._names if role.partition(":")[0] not in {SPIDER, PUBLIC}]

    def subjects(self) -> list[str]:
        """Return those that the database binds: every service, and the spiders of every consumer."""
        return [role for role in self._names if ":" in role]


def load(config: Config) -> Policy:
    """Read the policy that comes with christmas, or the configured file; raise ConfigurationError."""
    return _load(config.access.policy_path)


@cache
def _load(policy_path: str) -> Policy:
    if not policy_path:
        return Policy((files("christmas.policy") / "policy.csv").read_text(encoding="utf-8"), "of christmas")
    path = Path(policy_path)
    try:
        return Policy(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"access.policy_path names {path}, which cannot be read: {error}") from error
