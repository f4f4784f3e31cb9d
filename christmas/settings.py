"""Scrapy's settings; each says "default X, because Y". The pipelines' dict is their table of contents."""

from importlib.metadata import version

from scrapy.settings import default_settings

from christmas import config
from christmas.logs import redaction

_config = config.current()
redaction.install(_config)  # before Scrapy logs anything, and whichever handlers it installs

BOT_NAME = "christmas"
SPIDER_MODULES = ["spiders"]
NEWSPIDER_MODULE = "spiders"
# Default scrapybot, because a shop's owner must see who reads and where to complain.
USER_AGENT = f"christmas/{version('christmas')} (+{_config.contact_url or 'no contact configured: sample shops only'})"

# The order in which an item passes.
ITEM_PIPELINES = {
    "pipelines.validate.Validate": 100,
    "pipelines.deduplicate.Deduplicate": 200,
    "pipelines.quarantine_step.QuarantineStep": 300,
    "pipelines.store.Store": 400,
}
_LEFT_OUT = {
    # Default on, because it drops silently what it refuses; PolitenessMiddleware refuses with a reason.
    "scrapy.downloadermiddlewares.offsite.OffsiteMiddleware",
    # Default on, because COOKIES_ENABLED is False anyway.
    "scrapy.downloadermiddlewares.cookies.CookiesMiddleware",
    # Default on, because they run code on request.
    "scrapy.extensions.telnet.TelnetConsole",
    "scrapy.extensions.remote_control.RemoteControl",
}


def _base(components: dict[str, int]) -> dict[str, int]:
    """Leave some out altogether: Scrapy 2.19 imports what None switches off; a run saves 13 MB (measured 2026-11)."""
    return {name: order for name, order in components.items() if name not in _LEFT_OUT}


DOWNLOADER_MIDDLEWARES_BASE = _base(default_settings.DOWNLOADER_MIDDLEWARES_BASE)
EXTENSIONS_BASE = _base(default_settings.EXTENSIONS_BASE)
DOWNLOADER_MIDDLEWARES = {
    "christmas.middlewares.blocked.BlockedMiddleware": 580,  # behind decompression (590), before retries (550)
    "christmas.middlewares.politeness.PolitenessMiddleware": 890,  # nearest to the network: sees every answer
}
DOWNLOADER = "christmas.middlewares.lease.LeasedDownloader"  # default Scrapy's, which knows of no lease
EXTENSIONS = {
    "christmas.extensions.logs.Logs": 50,  # before all others, whose first lines it sends
    "christmas.extensions.run_report.RunReport": 100,
    "christmas.extensions.metrics.Metrics": 110,
}

ROBOTSTXT_OBEY = True  # default False, because politeness is not negotiable
AUTOTHROTTLE_ENABLED = True  # default False, because a slow shop must be read more slowly
AUTOTHROTTLE_MAX_DELAY = 120.0  # default 60, because a Crawl-delay of a minute is met in the wild
DOWNLOAD_DELAY = _config.politeness.download_delay_seconds  # default 0; each vendor may say otherwise
CONCURRENT_REQUESTS_PER_DOMAIN = _config.politeness.concurrency  # default 8, because shops are small
# Default 100, because Scrapy starts that many tasks for every page, which costs more than reading it (measured 2026-11:
# 419 product pages/s with 100, 675 with 1); an item takes microseconds here, and the store writes in batches.
CONCURRENT_ITEMS = 1
COOKIES_ENABLED = False  # default True, because a visitor without a cart needs none
DOWNLOAD_TIMEOUT = 30  # default 180, because a page that takes longer is as good as away
DOWNLOAD_MAXSIZE = 8 * 2**20  # default 1 GB, because the largest listing is 3 MB
DOWNLOAD_WARNSIZE = 0  # default 32 MB, never reached
RETRY_TIMES = _config.politeness.retries  # default 2
RETRY_HTTP_CODES = [408, 429, 500, 502, 503, 504, 522, 524]
RETRY_PRIORITY_ADJUST = 0  # default -1, because a listing's retry must not wait for all other pages
REDIRECT_MAX_TIMES = 5  # default 20, because more is a loop

TELNETCONSOLE_ENABLED = False  # default True, because it runs code on request
REMOTE_CONTROL_ENABLED = False  # default True, because it runs code on request
ASYNCIO_EVENT_LOOP = "uvloop.Loop"  # default asyncio's own, because uvloop reads a third more pages a second
# Default True, because it parses the code of callbacks at run time, and ast.parse on Python 3.11 raised `AST
# constructor recursion depth mismatch` once under load (CPython gh-106905).
WARN_ON_GENERATOR_RETURN_VALUE = False
LOG_LEVEL = _config.log_level  # default DEBUG, because it logs every item
LOG_FORMATTER = "christmas.extensions.log_formatter.LogFormatter"  # default logs every dropped item as a warning
LOGSTATS_INTERVAL = 60.0
STATS_DUMP = True
HTTPERROR_ALLOW_ALL = False
FEED_EXPORT_ENCODING = "utf-8"
