"""The policy: which role may do what, read by casbin."""

from __future__ import annotations

import logging
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from christmas.errors import ConfigurationError

if TYPE_CHECKING:
    from christmas.config import Config

MODEL = """
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = g(r.sub, p.sub) && (p.obj == "*" || r.obj == p.obj) && (p.act == "*" || r.act == p.act)
"""
SPIDER = "spider"
# Whoever has no key; no key has this role.
PUBLIC = "public"
# To ask who one is, and to sign out: every role of a policy has it, with no line of its own.
SESSION_USE = "session.use"
_FIELDS = {"p": 4, "g": 3}


class Policy:
    """Answers whether a role may do something to a resource; safe to ask from several threads."""

    def __init__(self, text: str, where: str) -> None:
        import casbin

        logging.getLogger("casbin.policy").setLevel(logging.WARNING)  # it prints the whole model each time
        model = casbin.Model()
        model.load_model_from_text(MODEL)
        self._enforcer = casbin.Enforcer(model)
        lines = [line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#")]
        self._rules = [[field.strip() for field in line.split(",")] for line in lines]
        for line, rule in zip(lines, self._rules, strict=True):
            if len(rule) != _FIELDS.get(rule[0]) or not all(rule):
                raise ConfigurationError(
                    f"The policy {where} has the line {line!r}: expected p, ROLE, RESOURCE, ACTION or g, ROLE, PARENT."
                )
            (self._enforcer.add_policy if rule[0] == "p" else self._enforcer.add_grouping_policy)(*rule[1:])
        self._names = list(dict.fromkeys(rule[1] for rule in self._rules))
        self._known: dict[tuple[str, str, str], bool] = {}

    def allows(self, role: str, resource: str, action: str) -> bool:
        """Return whether the role may."""
        asked = (role, resource, action)
        if asked not in self._known:  # the policy does not change while the process lives
            own = f"{resource}.{action}" == SESSION_USE and role in self._names
            self._known[asked] = own or bool(self._enforcer.enforce(*asked))
        return self._known[asked]

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
    """Read the policy that comes with christmas, or the configured file; raises ConfigurationError."""
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
