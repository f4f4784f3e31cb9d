"""A vendor's year links, kept for a week in Redis; without Redis the index is simply read again."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

from christmas import valkey
from christmas.errors import RedisUnavailable
from christmas.items import YearLink

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis import Redis

    from christmas.config import Config

logger = logging.getLogger(__name__)

SECONDS_A_DAY = 86_400


class YearLinkCache:
    """The year links of one vendor as read from one address; both methods block, so call them in a thread."""

    def __init__(self, config: Config, vendor: str, base_url: str) -> None:
        self.config = config
        self.vendor = vendor
        self.name = f"christmas:year_links:{vendor}:{base_url}"

    def load(self) -> list[YearLink]:
        """Return the cached links, [] where there are none or Redis is unavailable."""
        text = self._try(lambda client: client.get(self.name), "read")
        if not isinstance(text, bytes):
            return []
        try:
            return [YearLink(self.vendor, int(year), str(url)) for year, url in json.loads(text)]
        except (ValueError, TypeError) as error:
            logger.warning(
                "The kept year links of %s are read again, because they make no sense: %s", self.vendor, error
            )
            return []

    def save(self, links: list[YearLink]) -> None:
        """Keep the links for ``sync.year_links_days``."""
        text = json.dumps([(link.year, link.url) for link in links])
        seconds = max(1, int(self.config.sync.year_links_days * SECONDS_A_DAY))
        self._try(lambda client: client.set(self.name, text, ex=seconds), "kept")

    def _try(self, act: Callable[[Redis], object], verb: str) -> object:
        from redis import RedisError

        try:
            client = valkey.connect(self.config)
            try:
                return act(client)
            finally:
                client.close()
        except (RedisUnavailable, RedisError) as error:
            logger.warning("The year links of %s could not be %s: %s", self.vendor, verb, error)
            return None
