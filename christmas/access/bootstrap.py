"""What every service does before it starts: the catalog, its own key, and the rights it is bound to.

The services' keys are made at the first start, in files that only their owner can read.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from filelock import FileLock

from christmas.access import api_keys, authentication
from christmas.config import is_loopback
from christmas.db import database
from christmas.errors import AccessDenied, ArgumentError, ConfigurationError
from christmas.policy import rights, rules

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection, Engine

    from christmas.config import Config

# What `christmas keys new` makes; a shorter one may be a password.
KEY_PATTERN = r"[A-Za-z0-9_-]{43}"
# A longer text is no key.
TEXT_MAX = 1000


def prepare(config: Config, service: str) -> Config:
    """Bring the catalog up to date, check the service's key, and return the configuration bound to its rights.

    Raise AccessDenied, ConfigurationError or DatabaseUnavailable with what to do.
    """
    engine = database.get_engine(config)
    database.upgrade(engine)
    database.grant(engine, rules.load(config))
    check(config, engine, service)
    _make_test_users(config, engine)
    bound = config.model_copy(update={"service": role(service)})
    rights.load(bound)  # a policy without this service is an error now, and not with every query
    return bound


def register(config: Config, engine: Engine, folder: Path) -> list[str]:
    """Register the keys in a folder, named SERVICE.key, and return the services; known ones change nothing.

    For services that may not make their own, by the catalog's owner. Raise ArgumentError for a folder without keys,
    one that is no key, and one that is another's or was revoked.
    """
    known = [name.removeprefix(role("")) for name in rules.load(config).roles() if name.startswith(role(""))]
    if not folder.is_dir():
        raise ArgumentError(f"There is no folder {folder}.")
    paths = {service: path for service in known if os.path.lexists(path := folder / f"{service}.key")}
    if not paths:
        raise ArgumentError(f"{folder} holds no key: expected {', '.join(f'{service}.key' for service in known)}.")
    for service, path in paths.items():
        if not path.is_file():
            raise ArgumentError(f"{path} is no file.")
        try:
            key = _text(path)
        except OSError as error:
            raise ArgumentError(f"{path} cannot be read: {error.strerror}.") from error
        if not re.fullmatch(KEY_PATTERN, key):
            raise ArgumentError(f"{path} holds no key; `christmas keys new` makes one.")
        try:
            with database.begin(engine) as connection:
                if api_keys.find_key(connection, key) is None:
                    api_keys.create_key(
                        connection, user=user(service), role=role(service), key=key, now=datetime.now(UTC)
                    )
                _authenticate(connection, service, key)
        except authentication.KeyRefused as error:
            raise ArgumentError(
                f"The key in {path} is not valid: {error.reason}. Put a new one there: `christmas keys new` makes one."
            ) from error
    return list(paths)


def role(service: str) -> str:
    """Return the role of a service."""
    return f"service:{service}"


def user(service: str) -> str:
    """Return the user name of a service; without a colon, which ends a user name in HTTP Basic authentication."""
    return f"service-{service}"


def own_key(config: Config, engine: Engine, service: str) -> str:
    """Return a service's key: configured, from its file, or new; raise ConfigurationError for an unusable file."""
    if config.access.key:
        return config.access.key
    path = config.var_path / "keys" / f"{service}.key"
    try:
        return _own_file(path, engine, service)
    except OSError as error:
        raise ConfigurationError(
            f"The key of the service {service} can be neither read from {path} nor made there: {error.strerror}. Set "
            "CHRISTMAS__ACCESS__KEY, or CHRISTMAS__VAR_PATH to a folder that can be written."
        ) from error


def _own_file(path: Path, engine: Engine, service: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with FileLock(path.parent / "lock", mode=0o600):
        if not path.exists():
            try:
                with database.begin(engine) as connection:
                    new = api_keys.create_key(connection, user=user(service), role=role(service), now=datetime.now(UTC))
            except AccessDenied as error:
                raise AccessDenied(
                    f"The service {service} has no key and may not make one ({error}) Make one as the database's owner "
                    f"with `christmas keys create --user {user(service)} --role {role(service)}`, and set it in "
                    "CHRISTMAS__ACCESS__KEY."
                ) from error
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
                file.write(new.key + "\n")
    return _read(path)


def check(config: Config, engine: Engine, service: str) -> None:
    """Refuse to start with a key that is not this service's; raise AccessDenied with what to do."""
    key = own_key(config, engine, service)
    where = "CHRISTMAS__ACCESS__KEY" if config.access.key else str(config.var_path / "keys" / f"{service}.key")
    try:
        with database.read(engine) as connection:
            _authenticate(connection, service, key)
    except authentication.KeyRefused as error:
        raise AccessDenied(
            f"The key of the service {service} ({where}) is not valid: {error.reason}. Make one with `christmas keys "
            f"create --user {user(service)} --role {role(service)}`, or remove {where} to have one made."
        ) from error


def _authenticate(connection: Connection, service: str, key: str) -> None:
    identity = authentication.authenticate(connection, user(service), key, datetime.now(UTC))
    if identity.role != role(service):
        raise authentication.KeyRefused(f"it has the role {identity.role}, and not {role(service)}")


def _read(path: Path) -> str:
    if path.stat().st_mode & 0o077:
        raise ConfigurationError(f"{path} can be read by others: chmod 600 {path}, and rotate the key.")
    return _text(path)


def _text(path: Path) -> str:
    with path.open(encoding="ascii", errors="replace") as file:
        return file.read(TEXT_MAX).strip()


def _make_test_users(config: Config, engine: Engine) -> None:
    """Make the users of ``access.test_users``, whose keys are published; only on loopback."""
    wanted = config.access.test_users
    if not wanted:
        return
    if not is_loopback(config.node.bind_address):
        raise ConfigurationError(
            f"access.test_users has publicly known keys: not on {config.node.bind_address}, only on 127.0.0.1."
        )
    known = rules.load(config).roles()
    for role_name in wanted:
        if role_name not in known:
            raise ConfigurationError(f"access.test_users names the role {role_name!r}; there are {', '.join(known)}.")
    with database.begin(engine) as connection:
        for role_name, key in wanted.items():
            if api_keys.find_key(connection, key) is None:
                name = f"test-{role_name.replace(':', '-')}"
                api_keys.create_key(
                    connection, user=name, role=role_name, key=key, for_tests=True, now=datetime.now(UTC)
                )
