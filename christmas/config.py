"""One typed, frozen configuration: built-in defaults, then a JSON file, then environment variables.

``ENV`` (default ``default``) picks ``config/$ENV.json``; ``CONFIG_PATH`` names another file. Any key can be overridden
by a variable such as ``CHRISTMAS__DATABASE__URL``. The descriptions below are the documentation of every key.
"""

from __future__ import annotations

import ipaddress
import json
import os
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from christmas.errors import ConfigurationError

PREFIX = "CHRISTMAS__"
# A run may miss some beats before it counts as lost.
BEATS_PER_LEASE = 5


class Section(BaseModel):
    """A part of the configuration; an unknown key is an error, so that a misspelt one is not silently ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class DatabaseConfig(Section):
    """Where the catalog is kept."""

    url: str = Field(
        default="", description="SQLAlchemy URL, SQLite or PostgreSQL; empty means `christmas.db` in `var_path`"
    )


class RedisConfig(Section):
    """Where year links are cached."""

    url: str = Field(default="", description="Redis or Valkey URL; empty starts the embedded Valkey in `var_path`")


class SyncConfig(Section):
    """When pages are read again."""

    page_max_age_days: int = Field(
        default=7,
        ge=1,
        le=365,
        description="a product's own page is read again once in so many days, spread evenly over them",
    )
    pages_per_day: int = Field(
        default=2000,
        ge=0,
        description="at most so many product pages of one vendor are read per UTC day because they are stale",
    )
    year_links_days: float = Field(default=7, gt=0, description="how long a vendor's year links are cached")


class PolitenessConfig(Section):
    """How gently every vendor is read."""

    download_delay_seconds: float = Field(
        default=1.5, ge=0, description="least pause between two requests to one vendor"
    )
    concurrency: int = Field(default=1, ge=1, le=16, description="requests to one vendor at the same time")
    retry_after_max_seconds: float = Field(
        default=900, gt=0, description="the longest pause a Retry-After header can ask for"
    )
    backoff_base_seconds: float = Field(
        default=5,
        ge=0,
        description="the first pause after a 5xx or 429 answer without Retry-After; it doubles each time",
    )
    retries: int = Field(default=3, ge=0, le=10, description="how often one request is tried again")
    challenges_before_stop: int = Field(
        default=3, ge=1, description="so many challenge pages in a row close the run as `blocked`"
    )


class JobsConfig(Section):
    """How jobs are run."""

    lease_seconds: float = Field(
        default=15, ge=1, le=3600, description="a run that was not heard of for so long is taken over"
    )
    attempts: int = Field(default=3, ge=1, le=10, description="how often a job whose run was lost is tried")
    hook_modules: list[str] = Field(
        default_factory=list, description="modules that register hooks of your own (JSON list of names)"
    )
    pre_hooks: dict[str, list[str]] = Field(
        default_factory=lambda: {"integrator.*": ["contact_needed"]},
        description="hooks that may refuse a job, by job name or pattern such as `integrator.*`",
    )
    keep_days: int = Field(default=90, ge=1, description="how long the records of ended jobs are kept")
    post_hooks: dict[str, list[str]] = Field(
        default_factory=dict, description="hooks that get the finished run, by job name or pattern"
    )

    @property
    def beat_seconds(self) -> float:
        """How often a run is heard of."""
        return self.lease_seconds / BEATS_PER_LEASE


class NodeConfig(Section):
    """A node: one Scrapyd process."""

    bind_address: str = Field(default="127.0.0.1", description="address the node listens on")
    port: int = Field(default=6800, ge=0, le=65535, description="port of Scrapyd's API; 0 lets the system choose")
    name: str = Field(default="", description="how the node calls itself; empty is the host's name and the port")
    slots: int = Field(default=0, ge=0, le=256, description="runs at the same time; 0 is two for each processor")
    consumers: list[str] = Field(
        default_factory=lambda: ["all"], description="whose jobs it takes: integrator, integrator.browser, auditor; all"
    )
    poll_seconds: float = Field(
        default=2, gt=0, le=60, description="how often it looks for jobs by itself; it is woken when there are new ones"
    )
    egg_upload: bool = Field(default=False, description="whether new versions of the spiders may be uploaded")
    settings_allowed: list[str] = Field(
        default_factory=list, description="Scrapy settings that `setting=` of schedule.json may change (JSON list)"
    )
    request_max_bytes: int = Field(default=16 * 2**20, ge=1024, description="larger requests are refused")
    environment: list[str] = Field(
        default_factory=list, description="further environment variables that spider processes get (JSON list of names)"
    )
    grace_seconds: float = Field(
        default=30, ge=0, description="how long runs may take to hand their jobs back when the node is stopped"
    )
    logs_to_keep: int = Field(default=1000, ge=1, description="log files of finished runs kept for each spider")


class AccessConfig(Section):
    """Who may do what."""

    policy_path: str = Field(default="", description="policy file; empty is the one that comes with christmas")
    key: str = Field(default="", repr=False, description="this service's key; empty reads it from `var_path`/keys")
    failed_logins_per_minute: int = Field(
        default=10, ge=1, description="wrong keys from one address before it is refused for the rest of the minute"
    )
    log_days: int = Field(default=90, ge=1, description="how long the access log is kept")
    test_users: dict[str, str] = Field(
        default_factory=dict, repr=False, description="role to key of users for tests; refused where others can connect"
    )


class ScheduleConfig(Section):
    """One schedule; exactly one of ``cron`` and ``every_seconds``."""

    job: str = Field(description="name of a job, such as integrator.sync_links")
    arguments: dict[str, Any] = Field(default_factory=dict, description="the job's arguments")
    cron: str | None = Field(default=None, description="five fields: minute hour day month weekday (mon-fri)")
    every_seconds: int | None = Field(
        default=None, ge=1, le=366 * 86400, description="or so many seconds between two firings"
    )
    timezone: str = Field(default="UTC", description="IANA name of the time zone the cron fields are meant in")
    jitter_seconds: int = Field(
        default=0, ge=0, le=86400, description="fires up to so much later, so that not all do at once"
    )
    missed: str = Field(
        default="once", pattern="^(skip|once|all)$", description="what to do with firings that were missed"
    )
    paused: bool = Field(default=False, description="whether it is paused from the start")

    @model_validator(mode="after")
    def _one_trigger(self) -> ScheduleConfig:
        if (self.cron is None) == (self.every_seconds is None):
            raise ValueError("expected either cron or every_seconds")
        return self


def _default_schedules() -> dict[str, ScheduleConfig]:
    everything = "integrator.sync_all"
    return {
        "links": ScheduleConfig(job=everything, arguments={"stage": "links"}, every_seconds=3600, jitter_seconds=60),
        "unscraped": ScheduleConfig(
            job=everything,
            # So many take 10 minutes at the default delay: the hourly links need not wait for thousands.
            arguments={"stage": "products", "which": "unscraped", "limit": 400},
            every_seconds=900,
            jitter_seconds=30,
        ),
        "stale": ScheduleConfig(
            job=everything, arguments={"stage": "products", "which": "stale"}, cron="30 3 * * *", jitter_seconds=600
        ),
    }


class VendorConfig(Section):
    """What differs for one vendor; null keeps the vendor's own or the common value."""

    base_url: str | None = Field(
        default=None, description="address to read instead of the vendor's own, e.g. a sample shop"
    )
    download_delay_seconds: float | None = Field(
        default=None, ge=0, description="pause between two requests to this vendor"
    )
    concurrency: int | None = Field(default=None, ge=1, le=16, description="requests to this vendor at the same time")

    @field_validator("base_url")
    @classmethod
    def _absolute(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0:
            raise ValueError("expected an absolute http(s) address such as https://shop.example")
        return value.rstrip("/")


class Config(BaseSettings):
    """The whole configuration of one process."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix=PREFIX, env_nested_delimiter="__")

    var_path: Path = Field(
        default=Path("var"), description="folder for the database, the embedded Valkey and other state"
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
    access: AccessConfig = AccessConfig()
    service: str = Field(
        default="",
        description="whose rights in the database this process has, e.g. `service:scheduler`; empty is the owner's",
    )
    schedules: dict[str, ScheduleConfig] = Field(
        default_factory=_default_schedules, description="by schedule name; a file's replace the built-in ones"
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
        """Give environment variables precedence over the file, whose values come in as arguments."""
        return env_settings, init_settings

    @property
    def database_url(self) -> str:
        """The catalog's URL, with the default filled in."""
        return self.database.url or f"sqlite:///{self.var_path / 'christmas.db'}"

    def vendor(self, name: str) -> VendorConfig:
        """Give the vendor's section, an empty one where nothing is configured."""
        return self.vendors.get(name, VendorConfig())

    def may_be_read(self, name: str) -> bool:
        """Whether the vendor's owner can reach us, or a sample shop stands for the vendor."""
        host = urlsplit(self.vendor(name).base_url or "").hostname
        return bool(self.contact_url) or (host is not None and is_loopback(host))


def is_loopback(host: str) -> bool:
    """Say whether a host name or address is this machine, seen from itself alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


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
        raise ConfigurationError(f"A {PREFIX}* variable is wrong: {error}") from error


@cache
def current() -> Config:
    """Give this process's configuration, read once."""
    return load()


_NAMED: dict[str, type[Section]] = {"schedules": ScheduleConfig, "vendors": VendorConfig}


def documentation(section: type[BaseModel] = Config, prefix: str = "") -> list[tuple[str, str, str]]:
    """Give every key with its default and what it means, in the order of the file."""
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
    """Give a key's default as a file or a variable would say it; nothing where there is none."""
    default = None if field.is_required() else field.get_default(call_default_factory=True)
    if default in (None, "", [], {}):
        return ""
    return str(default) if isinstance(default, str | Path) else json.dumps(default)


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


def _explain(error: ValidationError) -> str:
    def one(problem: Any) -> str:
        key = ".".join(str(part) for part in problem["loc"])
        # The value of an unknown key is not shown: a misplaced password must not get into a log.
        found = "" if problem["type"] == "extra_forbidden" else f" (found {problem['input']!r})"
        return f"{key}: {problem['msg']}{found}"

    return "; ".join(one(problem) for problem in error.errors(include_url=False, include_context=False))
