"""Which vendors a project or an egg has, and eggs that are none."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from christmas.errors import EggRefused
from christmas.jobs import spider_files
from tests.farm import ROOT

POINTS = "[scrapy]\nsettings = christmas.settings\n"
PLAIN = "from christmas.platforms.bigcommerce import BigCommerce\n\n\nclass ShopSpider(BigCommerce):\n    pass\n"
BROWSER = PLAIN.replace("(BigCommerce)", "({}, BigCommerce)")
FILES = {"EGG-INFO/entry_points.txt": POINTS, "christmas/settings.py": "", "spiders/__init__.py": ""}


def egg(files: dict[str, str | bytes] | None = None, *, base: dict[str, str] = FILES, kind: int = 8) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", kind) as new:
        for name, text in {**base, **(files or {})}.items():
            new.writestr(name, text)
    return written.getvalue()


def test_the_installed_vendors_are_the_files_of_the_spiders() -> None:
    files = {path.stem for path in (ROOT / "spiders").glob("*.py")} - {"__init__"}
    assert set(spider_files.installed()) == files
    assert list(spider_files.installed()) == sorted(files)
    assert set(spider_files.installed().values()) == {False}


def test_a_stale_folder_in_the_working_directory_is_not_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "spiders").mkdir()
    (tmp_path / "spiders" / "stale_com.py").write_text(PLAIN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    spider_files.installed.cache_clear()
    assert "ornament_shop_com" in spider_files.installed()
    assert "stale_com" not in spider_files.installed()


def test_an_egg_s_vendors_say_whether_they_need_a_browser() -> None:
    content = egg(
        {
            "spiders/plain_com.py": PLAIN,
            "spiders/browser_com.py": BROWSER.format("BrowserPages"),
            "spiders/dotted_com.py": BROWSER.format("browser.BrowserPages"),
            "spiders/_helper.py": PLAIN,
            "spiders/more/deep_com.py": PLAIN,
            "spiders/notes.txt": "no spider",
            "other/spiders/elsewhere_com.py": PLAIN,
        }
    )
    assert spider_files.in_egg(content) == {"browser_com": True, "dotted_com": True, "plain_com": False}


def test_no_line_of_an_egg_is_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    content = egg({"spiders/shop_com.py": f"open({str(mark)!r}, 'w')\n", "christmas/settings.py": "1 / 0\n"})
    assert spider_files.in_egg(content) == {"shop_com": False}
    assert not mark.exists()


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "cannot be read"),
        (b"@christmas.egg", "egg=@FILE"),
        (egg(base={}), "no christmas project"),
        (egg({"spiders/a_com.py": PLAIN}, base={"EGG-INFO/entry_points.txt": POINTS}), "no christmas project"),
        (egg({"EGG-INFO/entry_points.txt": "[console_scripts]\na = b:c\n"}), "no Scrapy project"),
        (egg({"EGG-INFO/entry_points.txt": "settings"}), "entry_points.txt cannot be read"),
        (egg({"EGG-INFO/entry_points.txt": b"\xff"}), "cannot be read"),
        (egg(), "no spiders"),
        (egg({"spiders/a_com.py": "class:"}), r"spiders/a_com\.py is no Python"),
        (egg({"spiders/a_com.py": b"\x00"}), r"spiders/a_com\.py is no Python"),
        (egg({"spiders/a_com.py": "-" * 200_000 + "1"}), r"spiders/a_com\.py is no Python"),
        (egg({"spiders/a_com.py": b"#" * (spider_files.SPIDER_MAX_BYTES + 1)}), "larger than"),
        (egg({"spiders/a_com.py": PLAIN}, kind=zipfile.ZIP_BZIP2), "use deflate"),
        (egg({"spiders/a_com.py": PLAIN}, kind=zipfile.ZIP_LZMA), "use deflate"),
        (egg({f"a/{number}": "" for number in range(spider_files.FILES_MAX + 1)}), "too large"),
    ],
    ids=[
        "empty", "name", "nothing", "no-settings", "no-points", "bad-points", "binary-points", "no-spiders", "syntax",
        "nul", "deep", "big", "bzip2", "lzma", "many",
    ],
)  # fmt: skip
def test_what_is_no_egg_of_this_project_is_refused(content: bytes, part: str) -> None:
    with pytest.raises(EggRefused, match=part) as refused:
        spider_files.in_egg(content)
    assert len(str(refused.value)) < 400


def test_an_egg_that_unpacks_to_more_than_memory_is_refused_unread() -> None:
    bomb = egg({"spiders/a_com.py": PLAIN, "zeros": bytes(spider_files.UNPACKED_MAX_BYTES)})
    assert len(bomb) < 2**20
    with pytest.raises(EggRefused, match="too large"):
        spider_files.in_egg(bomb)


@pytest.mark.parametrize("kind", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_damaged_egg_is_read_or_refused_and_nothing_else(kind: int) -> None:
    whole = egg({"spiders/shop_com.py": PLAIN}, kind=kind)
    assert spider_files.in_egg(whole) == {"shop_com": False}
    refused = 0
    for place in range(len(whole)):
        for damaged in (whole[:place], whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]):
            try:
                spider_files.in_egg(damaged)
            except EggRefused:
                refused += 1
    assert refused > len(whole)
