"""A key for one vendor: what it sees and does at a real node, and what of other vendors stays hidden from it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.farm import Answer, Key
from tests.node.guarded import MARK, MINE, OTHER, Guarded, guarded
from tests.wire import ask, basic

SHOPS = {"mine": MINE, "other": OTHER}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with guarded(tmp_path_factory.mktemp("scope"), CHRISTMAS__NODE__EGG_UPLOAD="true") as found:
        for name, vendor in SHOPS.items():
            found.job(f"{name}-finished", vendor, "finished")
        for name, vendor in SHOPS.items():
            found.job(f"{name}-running", vendor, "running")
        for name, vendor in SHOPS.items():
            found.job(f"{name}-queued", vendor, "queued")
            (found.farm.folder / "logs" / "christmas" / vendor / f"{name}-finished.log").write_text(MARK)
        yield found


@pytest.fixture(scope="module")
def scoped(site: Guarded) -> Key:
    return site.farm.key("internal", user="scoped", vendors=[MINE])


@pytest.fixture(scope="module")
def empty(site: Guarded) -> Key:
    return site.farm.key("internal", user="empty", vendors=[])


def post(site: Guarded, key: Key, path: str, **data: str) -> Answer:
    return site.node.ask(path, {"project": "christmas", **data}, key=key)


def test_it_schedules_its_own_vendor_only(site: Guarded, scoped: Key) -> None:
    answer = post(site, scoped, "schedule.json", spider=OTHER, stage="links", year="2010")
    assert answer.status == 403
    assert answer.json["status"] == "error"
    assert answer.json["message"] == f"No permission jobs.submit for {OTHER}: the key is for {MINE} only."
    [line] = site.log()
    assert (line.user, line.resource, line.action, line.allowed) == ("scoped", "jobs", "submit", False)
    assert line.reason == answer.json["message"]
    assert post(site, scoped, "schedule.json", spider=MINE, stage="links", year="2010", jobid="new").status == 200
    assert [job.vendor for job in site.farm.jobs() if job.arguments.get("year") == 2010] == [MINE]
    assert post(site, scoped, "cancel.json", job="new").json["prevstate"] == "pending"


def test_no_further_argument_names_another_vendor(site: Guarded, scoped: Key) -> None:
    for name in ("vendor", "vendors", "_vendor", "name"):
        assert post(site, scoped, "schedule.json", spider=MINE, stage="links", **{name: OTHER}).status == 400
    path = f"schedule.json?spider={OTHER}"
    assert post(site, scoped, path, stage="links", spider=MINE, jobid="both").status == 200
    assert site.farm.job("both").vendor == MINE
    assert post(site, scoped, "cancel.json", job="both").json["prevstate"] == "pending"


def test_it_cancels_and_sees_the_state_of_its_own_jobs_only(site: Guarded, scoped: Key, empty: Key) -> None:
    for key in (scoped, empty):
        for job in ("other-queued", "other-running", "other-finished"):
            assert post(site, key, "cancel.json", job=job).json["prevstate"] is None
            assert site.node.ask(f"status.json?job={job}", key=key).json["currstate"] is None
    assert site.farm.job("other-queued").state == "queued"
    assert not site.farm.job("other-running").cancel_requested
    states = [site.node.ask(f"status.json?job=mine-{name}", key=scoped) for name in ("queued", "running", "finished")]
    assert [answer.json["currstate"] for answer in states] == ["pending", "running", "finished"]


def test_it_lists_its_own_jobs_only(site: Guarded, scoped: Key, empty: Key) -> None:
    lists = ("pending", "running", "finished")
    everything = site.node.ask("listjobs.json").json
    assert [len(everything[name]) for name in lists] == [2, 2, 2]
    found = site.node.ask("listjobs.json", key=scoped).json
    assert [[one["id"] for one in found[name]] for name in lists] == [
        ["mine-queued"],
        ["mine-running"],
        ["mine-finished"],
    ]
    found = site.node.ask("listjobs.json", key=empty).json
    assert [found[name] for name in lists] == [[], [], []]


def test_it_counts_its_own_jobs_only(site: Guarded, scoped: Key, empty: Key) -> None:
    def counts(key: Key | None) -> list[int]:
        found = site.node.ask("daemonstatus.json", key=key).json
        return [found[name] for name in ("pending", "running")]

    assert counts(None) == [2, 2]
    assert counts(scoped) == [1, 1]
    assert counts(empty) == [0, 0]
    assert "1 queued" in site.node.ask("", key=scoped).text
    assert "2 queued" in site.node.ask("").text


def test_it_lists_its_own_spider_only(site: Guarded, scoped: Key, empty: Key) -> None:
    assert {MINE, OTHER} <= set(site.node.ask("listspiders.json?project=christmas").json["spiders"])
    assert site.node.ask("listspiders.json?project=christmas", key=scoped).json["spiders"] == [MINE]
    assert site.node.ask("listspiders.json?project=christmas", key=empty).json["spiders"] == []


def test_the_jobs_page_shows_nothing_of_other_vendors(site: Guarded, scoped: Key, empty: Key) -> None:
    everything = site.node.ask("jobs").text
    assert "other-queued" in everything
    assert "Pending (2 on all nodes)" in everything
    page = site.node.ask("jobs", key=scoped).text
    for name in ("queued", "running", "finished"):
        assert f"mine-{name}" in page
    assert f"/logs/christmas/{MINE}/mine-finished.log" in page
    assert "Pending (1 on all nodes)" in page
    for text in ("other-", OTHER):
        assert text not in page
    assert "mine-" not in site.node.ask("jobs", key=empty).text


def test_it_reads_the_logs_of_its_own_vendor(site: Guarded, scoped: Key) -> None:
    log = site.node.ask(f"logs/christmas/{MINE}/one.log", key=scoped)
    assert (log.status, log.text) == (200, f"{MARK}: {MINE}\n")
    assert "mine-finished.log" in site.node.ask(f"logs/christmas/{MINE}/", key=scoped).text


@pytest.mark.parametrize(
    "path",
    [
        "/logs", "/logs/", "/logs/christmas", "/logs/christmas/", "/logs/christmas/O", "/logs/christmas/O/",
        "/logs/christmas/O/one.log", "//logs/christmas/O/one.log", "/logs//christmas/O/one.log",
        "/logs/christmas//O/one.log", "/logs/christmas/M/../O/one.log", "/logs/christmas/M/%2e%2e/O/one.log",
        "/logs/christmas/M/..%2fO/one.log", "/logs/christmas/M/..%2fO%2fone.log", "/logs/christmas/M%2f../O/one.log",
        "/logs/christmas/M%2f..%2fO/one.log", "/logs/christmas/M/../../christmas/O/one.log",
        "/logs/./christmas/O/one.log", "/logs/%2e/christmas/O/one.log", "/logs/M/../christmas/O/one.log",
        "/logs/x/M/../../christmas/O/one.log",
        "/logs/./M/../christmas/O/one.log", "/logs/christmas/./O/one.log", "/logs/christmas/%2e/O/one.log",
        "/logs/christmas%2f./M/../O/one.log", "/logs/christmas%2fO/M/one.log", "/logs/christmas/O%00/one.log",
        "/logs/christmas/M%00/../O/one.log", "/logs/christmas/%4f/one.log", "/logs/christmas/M%2f../O",
        "/LOGS/christmas/O/one.log", "/logs/CHRISTMAS/O/one.log", "/logs/christmas/o/one.log",
        "/logs%2fchristmas/O/one.log", "/%6cogs/christmas/O/one.log", "/jobs/../logs/christmas/O/one.log",
        "http://node/logs/christmas/O/one.log",
        "/logs/christmas/M;/../O/one.log", "/logs/christmas/M/..;/O/one.log", "/logs/christmas/O/one.log?vendor=M",
        "/logs/christmas/O/M/../one.log", "/logs/M/christmas/O/one.log",
    ],
)  # fmt: skip
def test_no_path_leads_to_the_logs_of_others(path: str, site: Guarded, scoped: Key, empty: Key) -> None:
    target = path.replace("M", MINE).replace("O/", f"{OTHER}/").replace("/O", f"/{OTHER}").replace("2fO", f"2f{OTHER}")
    for key in (scoped, empty):
        for method in (b"GET", b"HEAD"):
            reply = ask(site.node.port, target.encode(), basic(*key), method=method)
            page = target.startswith(("//", "/jobs/"))  # the first page and that of the jobs, whatever follows
            assert reply.status in ({200} if page else {400, 403, 404}), reply
            assert not [text for text in (MARK, OTHER, "other-") if text.encode() in reply.body]


def test_a_refused_log_file_is_written_down(site: Guarded, scoped: Key) -> None:
    answer = site.node.ask(f"logs/christmas/{OTHER}/one.log", key=scoped)
    assert answer.status == 403
    assert answer.json["message"] == (
        f"scoped (internal) has no permission logs.read here: the key is for {MINE} only."
    )
    [line] = site.log()
    assert (line.user, line.resource, line.action, line.allowed) == ("scoped", "logs", "read", False)


def test_it_neither_uploads_nor_removes_versions_which_are_everybodys(site: Guarded, scoped: Key) -> None:
    for path, permission in (("addversion", "upload"), ("delversion", "remove"), ("delproject", "remove")):
        answer = post(site, scoped, f"{path}.json", version="1", egg="x")
        assert answer.status == 403
        assert f"no permission eggs.{permission} here" in answer.json["message"]
    assert post(site, site.keys["internal"], "addversion.json", version="1", egg="x").status == 400
