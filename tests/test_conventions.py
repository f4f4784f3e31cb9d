"""What holds for every vendor."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.spiderloader import SpiderLoader
from scrapy.statscollectors import MemoryStatsCollector
from scrapy.utils.project import get_project_settings

from christmas import config
from christmas.platforms.integration import Integration

ROOT = Path(__file__).parent.parent
FILES = sorted(path for path in (ROOT / "spiders").glob("*.py") if path.name != "__init__.py")
# Vendors that are read faster than the default, each with the reason why its owner does not mind. None so far.
FASTER_THAN_DEFAULT: dict[str, str] = {}


def spider_class(path: Path) -> type[Integration]:
    loader = SpiderLoader.from_settings(get_project_settings())
    found = loader.load(path.stem)
    assert issubclass(found, Integration)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
class TestVendor:
    def test_file_name_and_class_agree(self, path: Path) -> None:
        found = spider_class(path)
        assert found.name == path.stem
        assert found.__name__ == "".join(part.capitalize() for part in path.stem.split("_")) + "Spider"
        host = re.sub(r"^https://(www\.)?", "", found.base_url)
        assert re.sub(r"[^a-z0-9]", "", host) == path.stem.replace("_", "")

    def test_the_file_is_short_and_says_what_it_is(self, path: Path) -> None:
        found = spider_class(path)
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 40
        for field in ("Source:", "Caveats:", "Last checked: 20"):
            assert field in (found.__doc__ or "")

    @pytest.mark.integration
    def test_it_can_be_built_and_asks_for_its_year_index_first(
        self, path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("CHRISTMAS__CONTACT_URL", "https://example.org/")
        monkeypatch.setenv("CHRISTMAS__VAR_PATH", str(tmp_path))
        config.current.cache_clear()
        try:
            crawler = Crawler(spider_class(path), get_project_settings())
            crawler.stats = MemoryStatsCollector(crawler)
            spider = spider_class(path).from_crawler(crawler)

            async def first() -> Request:
                async for request in spider.start():
                    return request
                raise AssertionError("no request")

            request = asyncio.run(first())
        finally:
            config.current.cache_clear()
        assert request.url == spider.base_url + spider.year_index

    def test_it_is_not_faster_than_the_default(self, path: Path) -> None:
        found = spider_class(path)
        common = config.PolitenessConfig()
        slow = found.download_delay_seconds is None or found.download_delay_seconds >= common.download_delay_seconds
        alone = found.concurrency is None or found.concurrency <= common.concurrency
        assert (slow and alone) or FASTER_THAN_DEFAULT.get(found.name)


def test_no_two_spiders_share_a_name() -> None:
    loader = SpiderLoader.from_settings(get_project_settings())
    assert sorted(loader.list()) == [path.stem for path in FILES]


def test_the_allow_list_names_existing_vendors_only() -> None:
    assert set(FASTER_THAN_DEFAULT) <= {path.stem for path in FILES}
