"""``python -m christmas.health.check``: whether the services of this container are well; its health check.

Those that refuse the connection do not run here. Exit status 0 where at least one answers and all that do are well,
else 1 and one line that says what is wrong.
"""

from __future__ import annotations

import http.client
import sys
import urllib.error
import urllib.request

from christmas.config import Config, load, local_address
from christmas.errors import ChristmasError
from christmas.health import READY

# Longer than a service needs to say that its database does not answer.
TIMEOUT_SECONDS = 12.0
SHOWN_MAX = 200


def addresses(config: Config) -> dict[str, str]:
    """Return where each service that has a port of its own would answer on this machine."""
    listeners = {
        "node": (config.node.bind_address, config.node.port),
        "server": (config.server.bind_address, config.server.port),
        "scheduler": (config.scheduler.bind_address, config.scheduler.port),
    }
    return {name: local_address(bound, port) + READY for name, (bound, port) in listeners.items() if port}


def look(config: Config) -> list[str]:
    """Return what is wrong, nothing where all is well; blocking."""
    urls = addresses(config)
    answers = {name: _asked(url) for name, url in urls.items()}
    here = {name: answer for name, answer in answers.items() if answer is not None}
    if not here:
        return [f"no service answers at {', '.join(urls.values()) or 'any configured port'}"]
    return [f"the {name} is not well: {answer}" for name, answer in here.items() if answer]


def _asked(url: str) -> str | None:
    """Return what a service says is wrong, nothing where it is well, None where there is none."""
    # It is on this machine, whatever http_proxy says.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=TIMEOUT_SECONDS):
            return ""
    except urllib.error.HTTPError as error:
        with error:
            return f"{error.code} {' '.join(error.read(SHOWN_MAX).decode('utf-8', 'replace').split())}"
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        return None if isinstance(reason, ConnectionRefusedError) else f"{url}: {reason}"


def main() -> None:
    """Look once and end the process."""
    try:
        wrong = look(load())
    except ChristmasError as error:
        wrong = [str(error)]
    sys.exit("christmas.health.check: " + "; ".join(wrong) if wrong else 0)


if __name__ == "__main__":
    main()
