"""What a node starts for each run: the egg first, then Scrapy. Imports nothing of the project before that.

It lives outside the project's packages, because whatever is imported from them before the egg comes from the
installed project instead of the deployed one.
"""

import os
import signal
import sys
from importlib.metadata import distributions
from pathlib import Path

PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """On Linux, be killed when the node dies; elsewhere the lease ends the run."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(os.environ["CHRISTMAS_NODE_PID"]):
        sys.exit("The node that started this run is gone.")


def put_egg_first(egg: str) -> None:
    """Make the egg win over the installed project and over a stale folder of the same name."""
    sys.path[:] = [egg, *(path for path in sys.path if path not in {"", str(Path.cwd())})]
    found = next(iter(distributions(path=[egg])))
    entry = next(entry for entry in found.entry_points if entry.group == "scrapy" and entry.name == "settings")
    os.environ["SCRAPY_SETTINGS_MODULE"] = entry.value


def main() -> None:
    """Run the spider named by the arguments: SPIDER [-s NAME=VALUE] [-a NAME=VALUE] ..."""
    die_with_parent()
    os.setsid()  # Ctrl-C in the node's terminal is for the node, which then tells its runs
    egg = os.environ.get("CHRISTMAS_EGG")
    if egg:
        put_egg_first(egg)
    else:
        os.environ["SCRAPY_SETTINGS_MODULE"] = "christmas.settings"
    # Not scrapy.cmdline: it imports every command there is, which costs a third of a second.
    from scrapy.crawler import AsyncCrawlerProcess
    from scrapy.utils.project import get_project_settings

    spider, *options = sys.argv[1:]
    settings = get_project_settings()
    # The spider's own file alone: another vendor's that cannot be imported is no reason to fail, and takes time.
    settings.set("SPIDER_MODULES", [f"{name}.{spider}" for name in settings["SPIDER_MODULES"]], priority="cmdline")
    arguments = {}
    for kind, pair in zip(options[::2], options[1::2], strict=True):
        name, _, value = pair.partition("=")
        if kind == "-s":
            settings.set(name, value, priority="cmdline")
        else:
            arguments[name] = value
    process = AsyncCrawlerProcess(settings)
    process.crawl(spider, **arguments)
    process.start()
    sys.exit(process.bootstrap_failed)


if __name__ == "__main__":
    main()
