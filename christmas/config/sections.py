"""The sections of the configuration: every key with its default, its bounds, and what it means."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

# A run may miss some beats before it counts as lost.
BEATS_PER_LEASE = 5


class Section(BaseModel):
    """A part of the configuration; an unknown key is an error, so that a misspelt one is not silently ignored.

    Values are stripped: a variable that is made from a file ends like the file, in a line's end.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, str_strip_whitespace=True, hide_input_in_errors=True
    )


class DatabaseConfig(Section):
    """Where the catalog is kept."""

    url: str = Field(
        default="",
        repr=False,
        description="SQLAlchemy URL, SQLite or PostgreSQL; empty means `christmas.db` in `var_path`",
    )


class RedisConfig(Section):
    """Where year links are cached."""

    url: str = Field(
        default="", repr=False, description="Redis or Valkey URL; empty starts the embedded Valkey in `var_path`"
    )

    @field_validator("url")
    @classmethod
    def _readable(cls, value: str) -> str:
        from redis.connection import parse_url

        if value:
            try:
                parse_url(value)  # type: ignore[no-untyped-call]
            except ValueError:  # its text may quote a part of the password
                raise ValueError("expected redis://HOST:PORT/0, rediss://... or unix:///PATH") from None
        return value


class SyncConfig(Section):
    """When pages are read again."""

    page_max_age_days: int = Field(
        default=7,
        ge=1,
        le=365,
        description="a product's own page is read again once in this many days, spread evenly over them",
    )
    pages_per_day: int = Field(
        default=2000,
        ge=0,
        description="the most stale product pages of one vendor that are read per UTC day",
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
        default=3, ge=1, description="the run ends as `blocked` after this many challenge pages in a row"
    )


class JobsConfig(Section):
    """How jobs are run."""

    lease_seconds: float = Field(
        default=15, ge=1, le=3600, description="a run without a heartbeat for this long is taken over by another node"
    )
    attempts: int = Field(default=3, ge=1, le=10, description="how often a job whose run was lost is tried")
    hook_modules: list[str] = Field(
        default_factory=list, description="modules that register hooks of your own (JSON list of names)"
    )
    pre_hooks: dict[str, list[str]] = Field(
        default_factory=lambda: {"integrator.*": ["contact_needed"], "auditor.*": ["contact_needed"]},
        description="hooks that may refuse a job, by job name or pattern such as `integrator.*`",
    )
    keep_days: int = Field(default=90, ge=1, description="how long the records of ended jobs are kept")
    post_hooks: dict[str, list[str]] = Field(
        default_factory=lambda: {"integrator.*": ["confirm_held"]},
        description="hooks that get the finished run, by job name or pattern",
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
    finish_seconds: float = Field(
        default=0,
        ge=0,
        description="how long runs may go on to their end after SIGTERM, before they have to hand their jobs back",
    )
    logs_to_keep: int = Field(default=1000, ge=1, description="log files of finished runs kept for each spider")


class SchedulerConfig(Section):
    """The scheduler, which answers health probes only."""

    bind_address: str = Field(default="127.0.0.1", description="address of the scheduler's health endpoints")
    port: int | None = Field(
        default=None, ge=0, le=65535, description="port of its `/health/live` and `/health/ready`; empty: it has none"
    )


class ServerConfig(Section):
    """The server: API and web page."""

    bind_address: str = Field(default="127.0.0.1", description="address the server listens on")
    port: int = Field(default=8000, ge=0, le=65535, description="port of API and web page; 0 lets the system choose")
    workers: int = Field(default=1, ge=1, le=64, description="processes that answer, on one port")
    public: bool = Field(
        default=False, description="whether products and changes may be read without a key; see `access.policy_path`"
    )
    requests_per_minute: int = Field(default=600, ge=1, description="requests that one key may make in a minute")
    public_requests_per_minute: int = Field(
        default=120, ge=1, description="requests that one address may make in a minute without a key"
    )
    request_max_bytes: int = Field(default=2**20, ge=1024, description="larger requests are refused")
    cors_origins: list[str] = Field(
        default_factory=list,
        description="origins whose pages may ask the API in a browser (JSON list); none by default",
    )
    session_hours: float = Field(default=12, gt=0, le=24 * 31, description="how long a browser stays signed in")
    drain_seconds: float = Field(
        default=0,
        ge=0,
        description="how long it goes on answering after SIGTERM, not ready, until proxies have noticed",
    )
    proxies: list[str] = Field(
        default_factory=list,
        description="addresses of proxies whose X-Forwarded-For and X-Forwarded-Proto are trusted (JSON list)",
    )


class LogsConfig(Section):
    """Where the services' log lines go; the log files of runs are the node's."""

    format: str = Field(
        default="auto",
        pattern="^(auto|json|text)$",
        description="of the services' stdout: json, text, or auto: text on a terminal, JSON lines elsewhere",
    )
    stream_max_lines: int = Field(
        default=100_000,
        ge=1000,
        le=10_000_000,
        description="lines kept in Redis for `christmas logs`; 100,000 usual ones take 40 MB",
    )


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
        default=None, ge=1, le=366 * 86400, description="or the seconds between two firings"
    )
    timezone: str = Field(default="UTC", description="IANA name of the time zone the cron fields are meant in")
    jitter_seconds: int = Field(
        default=0,
        ge=0,
        le=86400,
        description="longest random delay of a firing, so that not all happen at once",
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


def default_schedules() -> dict[str, ScheduleConfig]:
    """Return the built-in schedules by name."""
    everything, audits = "integrator.sync_all", "auditor.audit_all"
    return {
        "links": ScheduleConfig(job=everything, arguments={"stage": "links"}, every_seconds=3600, jitter_seconds=60),
        "unscraped": ScheduleConfig(
            job=everything,
            # They take 10 minutes at the default delay: the hourly links need not wait for thousands.
            arguments={"stage": "products", "which": "unscraped", "limit": 400},
            every_seconds=900,
            jitter_seconds=30,
        ),
        "stale": ScheduleConfig(
            job=everything, arguments={"stage": "products", "which": "stale"}, cron="30 3 * * *", jitter_seconds=600
        ),
        # What is held is read again at once by the hook `confirm_held`; this is for what was left.
        "held": ScheduleConfig(job=audits, arguments={"which": "confirm_held"}, cron="15 */6 * * *"),
        "gone": ScheduleConfig(job=audits, arguments={"which": "confirm_gone"}, cron="0 5 * * *", jitter_seconds=600),
        "sample": ScheduleConfig(job=audits, arguments={"which": "verify_sample"}, cron="0 6 * * sun"),
    }


class AuditorConfig(Section):
    """What is trusted, and what has to be read a second time."""

    jump_factor: float = Field(
        default=3, gt=1, le=1000, description="a price that becomes this many times higher or lower is quarantined"
    )
    mass_share: float = Field(
        default=0.25,
        gt=0,
        le=1,
        description="where so large a share of the prices that a run compares have moved, all of them are held",
    )
    mass_sample: int = Field(
        default=20, ge=1, le=1000, description="how many of them are then read from their own pages, to decide on all"
    )
    sample: int = Field(default=50, ge=1, le=10_000, description="how many products `auditor.verify_sample` reads")


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
