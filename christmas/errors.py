"""Every error this project raises on purpose; each message says what is wrong and what to do."""


class ChristmasError(Exception):
    """The base of all errors of this project; its text is fit to be shown to the user."""


class ConfigurationError(ChristmasError):
    """Raised when a configuration file or variable is missing or wrong, from ``config``."""


class ArgumentError(ChristmasError):
    """Raised when a spider, job or command gets an argument it does not accept, from wherever arguments are read."""


class NotHeld(ChristmasError):
    """Raised when a decision is about what is not held, or no longer, from ``catalog.held_changes``."""


class DatabaseUnavailable(ChristmasError):
    """Raised when the database is locked, read-only, full or unavailable, from ``db``."""


class RedisUnavailable(ChristmasError):
    """Raised when neither the configured nor the embedded server answers, from ``valkey``."""


class ReadingError(ChristmasError):
    """The base of what the readers raise about one page."""


class NothingReadable(ReadingError):
    """Raised when a page has no product, or no listing, that any source can read, from ``reading``."""


class BlockedByVendor(ReadingError):
    """Raised when a page is a bot challenge instead of the shop's own, from ``reading``."""


class PriceUnreadable(ReadingError):
    """Raised when a text claims to be a price and is none; the message names the text, from ``reading.money``."""


class JobRefused(ChristmasError):
    """Raised when a job is unknown, a pre hook says no, or its version cannot run it, from ``jobs`` and ``node``."""


class VendorTaken(ChristmasError):
    """Raised when another run is reading the vendor, from ``extensions.lease``."""


class LeaseLost(ChristmasError):
    """Raised when another attempt has taken a run's job over, from ``extensions.lease`` and ``pipelines.store``."""


class AccessDenied(ChristmasError):
    """Raised when a key is not valid, or key or process lacks a permission, from ``access`` and ``db``."""


class EggRefused(ChristmasError):
    """Raised when an uploaded egg is broken or no christmas project, from ``jobs.spider_files``."""
