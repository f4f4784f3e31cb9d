"""No key, password or cookie is in anything that a whole system logs: stdout, the runs' files, the stream."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

import pytest

from christmas.demo.server import DemoServer
from christmas.logs import reading
from christmas.logs.reading import Wanted
from tests import eggs
from tests.farm import Farm, Key, until
from tests.valkey import Valkey

VENDOR = "ornament_shop_com"
OF_DATABASE = "of the database/2026"
OF_REDIS = "of-redis-alone"
OF_PROXY = "of-a-proxy"
OF_TESTS = "of-a-test-user"
SESSION = "session-of-a-visitor"
HEADER = "YW5uOm9mLWFubg=="
# What must be found in every place, so that a search which finds no secret has searched.
MARK = "a mark that is no secret"
# A spider that does what must not be done: it logs whatever it has, by itself and with its errors.
LEAKY = f'''"""A shop."""

import logging

import scrapy

from christmas import config
from spiders.{VENDOR} import OrnamentShopComSpider

logger = logging.getLogger(__name__)
current = config.current()


class LeakyComSpider(OrnamentShopComSpider):
    """A shop."""

    name = "leaky_com"

    async def start(self):
        headers = {{"Authorization": "Basic {HEADER}", "Cookie": "session={SESSION}"}}
        yield scrapy.Request(self.fetched_from + "/robots.txt", headers=headers, callback=self.leak, errback=print)

    def leak(self, response):
        logger.warning("{MARK}: %s and %s", current.database.url, current.redis.url)
        logger.warning("sent %s", dict(response.request.headers))
        logger.warning("sent %s", response.request.headers.to_string().decode())
        logger.info("connecting with %r", current.redis.url.partition("://:")[2].partition("@")[0])
        self.logger.error("proxy http://ann:{OF_PROXY}@proxy.example:3128 is away", stack_info=True)
        try:
            raise ConnectionError(f"no connection to {{current.database.url}}")
        except ConnectionError as error:
            raise RuntimeError(f"{MARK}: Set-Cookie: session={SESSION}; {{current.redis.url}}") from error
'''
# And one that says it while it dies, before Scrapy has begun.
DYING = f'''"""A shop."""

from christmas import config

raise ValueError("{MARK} " + config.current().database.url)
'''


@dataclass
class Logged:
    """Everything that was logged, by where it was found, and what must not be in it, by what it is."""

    places: dict[str, str]
    secrets: dict[str, str]


@pytest.fixture(scope="module")
def logged(new_postgresql: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Logged:
    """Return what a node, a scheduler and runs have logged while keys were tried and everything went wrong."""
    folder = tmp_path_factory.mktemp("secrets")
    valkey = Valkey(folder / "valkey", OF_REDIS)
    valkey.start()
    url = new_postgresql().replace("postgres:@", f"postgres:{quote(OF_DATABASE, safe='')}@")
    assert quote(OF_DATABASE, safe="") in url
    with DemoServer(size=24, per_page=12) as server:
        shop = server.shops[VENDOR].base_url
        variables = {
            "CHRISTMAS__DATABASE__URL": url,
            "CHRISTMAS__REDIS__URL": valkey.url,
            "CHRISTMAS__ACCESS__TEST_USERS": json.dumps({"user": OF_TESTS}),
            "CHRISTMAS__LOG_LEVEL": "DEBUG",
            "CHRISTMAS__LOGS__FORMAT": "json",
            "CHRISTMAS__NODE__EGG_UPLOAD": "true",
            "CHRISTMAS__SCHEDULES": json.dumps({"often": {"job": "integrator.sync_all", "every_seconds": 2}}),
            **{f"CHRISTMAS__VENDORS__{name}_COM__BASE_URL": shop for name in ("LEAKY", "DYING")},
        }
        farm = Farm(folder / "farm", server, variables)
        try:
            keys = everything_goes_wrong(farm)
        finally:
            farm.close()
            stream = [json.dumps(line) for line in reading.read(valkey.client, Wanted(), limit=100_000)]
            valkey.client.close()
            valkey.stop()
    places = {
        "stdout": "".join(service.log for service in farm.services),
        "files": "\n".join(path.read_text(encoding="utf-8") for path in (farm.folder / "logs").rglob("*.log")),
        "stream": "\n".join(stream),
    }
    return Logged(places, secrets_of(farm, keys))


def secrets_of(farm: Farm, keys: list[Key]) -> dict[str, str]:
    """Return everything that no log may hold."""
    found = {
        "the database's password": OF_DATABASE, "the same in a URL": quote(OF_DATABASE, safe=""),
        "Redis's password": OF_REDIS, "a proxy's password": OF_PROXY, "a test user's key": OF_TESTS,
        "a cookie": SESSION, "a header": HEADER,
    }  # fmt: skip
    for user, key in keys:
        found |= {f"{user}'s key": key, f"{user}'s header": b64encode(f"{user}:{key}".encode()).decode()}
    for path in (farm.folder / "keys").glob("*.key"):
        found[f"the key of {path.stem}"] = path.read_text(encoding="ascii").strip()
    return found


def everything_goes_wrong(farm: Farm) -> list[Key]:
    """Run it all; gives the keys that were tried."""
    node, scheduler = farm.node(), farm.start("scheduler")
    wrong, right = ("ann", "Wrong-" + "wK9" * 12), farm.key("internal", user="right")
    unbound = farm.key("user", user="unbound")
    for key in (wrong, right, unbound, ("test-user", OF_TESTS)):
        for path in ("jobs", "nothing", f"jobs?password={OF_TESTS}&token={right[1]}"):
            node.ask(path, key=key, headers={"Cookie": f"session={SESSION}"})
        node.ask("schedule.json", {"project": "christmas", "spider": VENDOR, "api_key": right[1]}, key=key)
    node.ask("jobs", headers={"Authorization": f"Bearer {right[1]}"}, anonymous=True)
    eggs.upload(node, eggs.changed({"spiders/leaky_com.py": LEAKY, "spiders/dying_com.py": DYING}), key=right)
    for spider in ("leaky_com", "dying_com"):
        answer = node.ask("schedule.json", {"project": "christmas", "spider": spider, "stage": "links"}, key=right)
        assert farm.wait(answer.json["jobid"]).state == "failed", spider
    until(lambda: "Schedule often, due" in scheduler.log, what="a firing")
    assert (node.stop(), scheduler.stop()) == (0, 0)
    assert node.key is not None
    return [wrong, right, unbound, node.key]


def test_no_secret_is_in_any_log(logged: Logged) -> None:
    found = [
        (name, where, text[max(0, text.index(secret) - 80) : text.index(secret) + 80])
        for where, text in logged.places.items()
        for name, secret in logged.secrets.items()
        if secret in text
    ]
    assert found == []
    assert len(logged.secrets) == 7 + 2 * 4 + 2


def test_what_was_searched_holds_what_was_logged(logged: Logged) -> None:
    stdout, files, stream = (logged.places[name] for name in ("stdout", "files", "stream"))
    assert MARK in stdout  # the node quotes the last line of a run that died
    assert MARK in stream
    for text in ("was refused", "Schedule often, due"):
        assert text in stdout
        assert text in stream
    for text in ("RuntimeError: ", "ConnectionError: no connection to postgresql://***@", f"ValueError: {MARK} p"):
        assert text in files
    for text in ("Cookie: ***", "'Authorization': ***", "Authorization: ***", "http://***@proxy.example"):
        assert text in files + stream
    assert {json.loads(line)["service"] for line in stdout.splitlines()} == {"node", "scheduler"}


def test_job_ids_and_shops_keys_are_legible(logged: Logged) -> None:
    jobs = [json.loads(line)["job"] for line in logged.places["stream"].splitlines()]
    assert len({job for job in jobs if len(job) == 32}) >= 3
    assert "***.log" not in logged.places["files"] + logged.places["stdout"]
