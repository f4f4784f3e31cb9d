"""``christmas keys`` and ``christmas users``."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from christmas.access import api_keys, audit_log
from christmas.commands.common import LIMIT_MAX, TableOrJson, engine, show
from christmas.config import current
from christmas.db import database
from christmas.errors import ArgumentError
from christmas.jobs import submission

keys = typer.Typer(no_args_is_help=True, help="Create, list, rotate and revoke API keys; show the access log.")
users = typer.Typer(no_args_is_help=True, help="Manage users and their roles.")
Id = Annotated[str, typer.Argument(metavar="ID", help="A key's ID, from `christmas keys list`.")]
User = Annotated[str, typer.Argument(help="A user's name.")]
Role = Annotated[str, typer.Argument(help="internal, user, service:integrator ...")]


@keys.command()
def create(
    user: Annotated[str, typer.Option(help="The key's user, created if missing.")],
    role: Annotated[str, typer.Option(help="internal (everything), user (reads products), service:integrator ...")],
    expires: Annotated[
        str | None, typer.Option(help="30d, 12h, or a time such as 2027-01-31 or 2027-01-31T12:00Z.")
    ] = None,
    vendors: Annotated[str | None, typer.Option(help="Only these vendors, separated by commas.")] = None,
    output: TableOrJson = "table",
) -> None:
    """Create an API key; it is shown once, only its hash is stored."""
    api_keys.check_role(current(), role)
    api_keys.check_user(user)
    scope = None if vendors is None else _vendors(vendors)
    now = datetime.now(UTC)
    until = None if expires is None else api_keys.expiry(expires, now, "--expires")
    with database.begin(engine()) as connection:
        new = api_keys.create_key(connection, user=user, role=role, vendors=scope, expires_at=until, now=now)
    _show_new(asdict(new) | {"vendors": scope, "expires_at": until}, output)


@keys.command()
def new() -> None:
    """Print a new key without storing it; `christmas db upgrade --service-keys` registers it."""
    typer.echo(api_keys.new_key())


@keys.command("list")
def list_keys(output: TableOrJson = "table") -> None:
    """List API keys with user, role, expiry and last use."""
    with database.read(engine()) as connection:
        rows = api_keys.list_keys(connection)
    columns = ("id", "user", "role", "vendors", "created_at", "expires_at", "last_used_at", "revoked_at", "bound")
    show(columns, [{name: getattr(row, name) for name in columns} for row in rows], output)


@keys.command()
def revoke(key_id: Id) -> None:
    """Revoke a key immediately."""
    with database.begin(engine()) as connection:
        if not api_keys.revoke(connection, key_id, datetime.now(UTC)):
            raise ArgumentError(f"There is no valid key {key_id!r}; `christmas keys list` shows them.")
    typer.echo(f"{key_id} is revoked")


@keys.command()
def rotate(key_id: Id, output: TableOrJson = "table") -> None:
    """Replace a key with a new one of the same scope; the old one is revoked."""
    with database.begin(engine()) as connection:
        new = api_keys.rotate(connection, key_id, datetime.now(UTC))
    if new is None:
        raise ArgumentError(f"There is no valid key {key_id!r}; `christmas keys list` shows them.")
    _show_new(asdict(new), output)


@keys.command()
def log(
    limit: Annotated[int, typer.Option(min=1, max=LIMIT_MAX, help="Maximum number of lines, newest first.")] = 50,
    output: TableOrJson = "table",
) -> None:
    """Show the access log: every refusal, and every grant of a write."""
    with database.read(engine()) as connection:
        rows = audit_log.latest(connection, limit)
    show(audit_log.AccessRow.__slots__, [asdict(row) for row in rows], output)


@users.command("list")
def list_users(output: TableOrJson = "table") -> None:
    """List all users with their roles."""
    with database.read(engine()) as connection:
        rows = api_keys.list_users(connection)
    show(("user", "roles"), [{"user": name, "roles": roles} for name, roles in rows], output)


@users.command()
def bind(user: User, role: Role) -> None:
    """Grant a user a role."""
    api_keys.check_role(current(), role)
    api_keys.check_user(user)
    with database.begin(engine()) as connection:
        api_keys.bind(connection, user, role, datetime.now(UTC))


@users.command()
def unbind(user: User, role: Role) -> None:
    """Remove a role from a user; keys of that role stop working immediately."""
    with database.begin(engine()) as connection:
        if not api_keys.unbind(connection, user, role):
            raise ArgumentError(f"{user!r} has no role {role!r}; `christmas users list` shows them.")


@users.command()
def remove(user: User) -> None:
    """Remove a user and all their keys."""
    with database.begin(engine()) as connection:
        if not api_keys.remove(connection, user):
            raise ArgumentError(f"There is no user {user!r}; `christmas users list` shows them.")


def _show_new(row: dict[str, Any], output: str) -> None:
    show(("id", "user", "role", "key"), [row], output) if output != "json" else typer.echo(
        json.dumps(row, default=lambda value: value.isoformat())
    )
    if output != "json":
        typer.echo("Store it now: it is not shown again.")


def _vendors(text: str) -> list[str]:
    with database.read(engine()) as connection:
        known = submission.known_vendors(connection, None)
    chosen = [part.strip() for part in text.split(",") if part.strip()]
    return api_keys.check_vendors(chosen, known, f"--vendors {text!r}")
