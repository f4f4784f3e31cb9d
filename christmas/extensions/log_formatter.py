"""How Scrapy words what happens to items."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from scrapy.logformatter import LogFormatter as ScrapysLogFormatter

if TYPE_CHECKING:
    from scrapy import Spider
    from scrapy.http import Response
    from scrapy.logformatter import LogFormatterResult
    from twisted.python.failure import Failure


class LogFormatter(ScrapysLogFormatter):
    """One line for a dropped item, without the item: it may hold a whole page's text."""

    def dropped(
        self, item: Any, exception: BaseException, response: Response | Failure | None, spider: Spider
    ) -> LogFormatterResult:
        """Say what was dropped and why; a repetition is no news."""
        level = logging.DEBUG if "was read in this run already" in str(exception) else logging.WARNING
        return {"level": level, "msg": "Dropped: %(exception)s", "args": {"exception": exception}}
