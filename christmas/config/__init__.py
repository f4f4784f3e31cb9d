"""One typed, frozen configuration: built-in defaults, then a JSON file, then environment variables.

``ENV`` (default ``default``) picks ``config/$ENV.json``; ``CONFIG_PATH`` names another file. Any key can be overridden
by a variable such as ``CHRISTMAS__DATABASE__URL``. The keys themselves are in ``sections``.
"""

from __future__ import annotations

import ipaddress
import json
import os
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from platformdirs import user_data_path
from pydantic import BaseModel, Field, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from christmas.config.sections import (
    AccessConfig,
    AuditorConfig,
    DatabaseConfig,
    JobsConfig,
    LogsConfig,
    NodeConfig,
    PolitenessConfig,
    RedisConfig,
    ScheduleConfig,
    SchedulerConfig,
    Section,
    ServerConfig,
    SyncConfig,
    VendorConfig,
    default_schedules,
)
from christmas.errors import ConfigurationError

PREFIX = "CHRISTMAS__"


class Config(BaseSettings):
    """The whole configuration of one process."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        str_strip_whitespace=True,
        hide_input_in_errors=True,
    )

    var_path: Path = Field(
        default_factory=lambda: state_folder(Path.cwd()),
        description="folder for the database, the embedded Valkey and other state; by default `var` in a checkout, "
        "elsewhere the user's data folder",
    )
    contact_url: str = Field(
        default="", description="page or mailto: address named in the User-Agent; needed before any real vendor is read"
    )
    log_level: str = Field(
        default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="DEBUG, INFO, WARNING or ERROR"
    )
    browser_path: str = Field(
        default="", description="Chromium for vendors that need a browser; empty looks in the usual places"
    )
    database: DatabaseConfig = DatabaseConfig()
    redis: RedisConfig = RedisConfig()
    sync: SyncConfig = SyncConfig()
    politeness: PolitenessConfig = PolitenessConfig()
    jobs: JobsConfig = JobsConfig()
    node: NodeConfig = NodeConfig()
    scheduler: SchedulerConfig = SchedulerConfig()
    server: ServerConfig = ServerConfig()
    logs: LogsConfig = LogsConfig()
    access: AccessConfig = AccessConfig()
    auditor: AuditorConfig = AuditorConfig()
    service: str = Field(
        default="",
        description="whose rights in the database this process has, e.g. `service:scheduler`; empty is the owner's",
    )
    schedules: dict[str, ScheduleConfig] = Field(
        default_factory=default_schedules, description="by schedule name; a file's replace the built-in ones"
    )
    vendors: dict[str, VendorConfig] = Field(default_factory=dict, description="by vendor name")

    @field_validator("contact_url")
    @classmethod
    def _contact(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://", "mailto:")):
            raise ValueError("expected https://..., http://... or mailto:...")
        return value

    @field_validator("var_path")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return environment variables precedence over the file, whose values come in as arguments."""
        return env_settings, init_settings

    @property
    def database_url(self) -> str:
        """The catalog's URL, with the default filled in."""
        return self.database.url or f"sqlite:///{self.var_path / 'christmas.db'}"

    def vendor(self, name: str) -> VendorConfig:
        """Return the vendor's section, an empty one where nothing is configured."""
        return self.vendors.get(name, VendorConfig())

    def may_be_read(self, name: str) -> bool:
        """Whether the vendor's owner can reach us, or a sample shop stands for the vendor."""
        host = urlsplit(self.vendor(name).base_url or "").hostname
        return bool(self.contact_url) or (host is not None and is_loopback(host))


def state_folder(place: Path) -> Path:
    """Return where state lies by default: ``var`` of the checkout around a place, else the user's data folder."""
    for folder in (place, *place.parents):
        if (folder / "scrapy.cfg").is_file() and (folder / "christmas").is_dir():
            return folder / "var"
    return user_data_path("christmas", appauthor=False)


def is_loopback(host: str) -> bool:
    """Return whether a host name or address is this machine, seen from itself alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def local_address(bind_address: str, port: int | None) -> str:
    """Return the address at which a service that listens there is reached on its own machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bind_address, bind_address)  # noqa: S104
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def load() -> Config:
    """Read file and environment; raise ConfigurationError naming the path, the key and what was expected."""
    path = _path()
    values = _read(path) if path else {}
    _refuse_unknown_variables()
    try:
        return Config(**values)
    except ValidationError as error:
        where = f"{path} or {PREFIX}* variables" if path else f"{PREFIX}* variables"
        raise ConfigurationError(f"The configuration ({where}) is wrong: {_explain(error)}") from error
    except ValueError as error:  # a variable that should hold JSON and does not
        raise ConfigurationError(
            f'{_holder(error)} holds no JSON: write a list as ["a", "b"], a section as {{"key": "value"}}.'
        ) from error


@cache
def current() -> Config:
    """Return this process's configuration, read once."""
    return load()


_NAMED: dict[str, type[Section]] = {"schedules": ScheduleConfig, "vendors": VendorConfig}


def documentation(section: type[BaseModel] = Config, prefix: str = "") -> list[tuple[str, str, str]]:
    """Return every key with its default and what it means, in the order of the file."""
    found: list[tuple[str, str, str]] = []
    for name, field in section.model_fields.items():
        kind = field.annotation
        if name in _NAMED:
            found += documentation(_NAMED[name], f"{name}.<name>.")
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            found += documentation(kind, f"{prefix}{name}.")
        else:
            found.append((f"{prefix}{name}", _shown(field), field.description or ""))
    return found


def _shown(field: FieldInfo) -> str:
    """Return a key's default as a file or a variable would say it; nothing where there is none."""
    default = None if field.is_required() else field.get_default(call_default_factory=True)
    if default in (None, "", [], {}) or isinstance(default, Path):  # a folder of this machine and user
        return ""
    return default if isinstance(default, str) else json.dumps(default)


def _path() -> Path | None:
    if named := os.environ.get("CONFIG_PATH"):
        return _existing(Path(named), "CONFIG_PATH")
    if environment := os.environ.get("ENV"):
        return _existing(Path("config") / f"{environment}.json", "ENV")
    default = Path("config/default.json")
    return default if default.is_file() else None


def _existing(path: Path, variable: str) -> Path:
    if not path.is_file():
        raise ConfigurationError(f"{variable} names the configuration file {path.absolute()}, and there is none.")
    return path


def _read(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"The configuration file {path.absolute()} cannot be read as JSON: {error}") from error
    if not isinstance(values, dict):
        raise ConfigurationError(f"The configuration file {path.absolute()} must hold a JSON object.")
    return values


def _refuse_unknown_variables() -> None:
    known = {name.upper() for name in Config.model_fields}
    for variable in os.environ:
        if variable.startswith(PREFIX) and variable.removeprefix(PREFIX).split("__")[0] not in known:
            raise ConfigurationError(
                f"The variable {variable} names no key of the configuration; the keys are {', '.join(sorted(known))}."
            )


def _holder(error: ValueError) -> str:
    """Name the variable that was being read; its value may be a secret."""
    value = getattr(error.__cause__, "doc", None)
    found = [name for name, text in os.environ.items() if name.startswith(PREFIX) and text == value]
    return f"The variable {' or '.join(found)}" if found else f"A {PREFIX}* variable"


def _explain(error: ValidationError) -> str:
    def one(problem: Any) -> str:
        key = ".".join(str(part) for part in problem["loc"])
        found = f" (found {problem['input']!r})" if _may_be_shown(problem["loc"]) else ""
        return f"{key}: {problem['msg']}{found}"

    return "; ".join(one(problem) for problem in error.errors(include_url=False, include_context=False))


def _may_be_shown(location: tuple[int | str, ...]) -> bool:
    """Whether a wrong value may get into a log: not that of a secret key, of an unknown one, or a whole section."""
    kind: Any = Config
    for part in location:
        fields = getattr(kind, "model_fields", None)
        if fields is None:
            break  # within a list, or a section by name
        field = fields.get(part)
        if field is None or not field.repr:
            return False
        kind = field.annotation
    return not (isinstance(kind, type) and issubclass(kind, BaseModel))
