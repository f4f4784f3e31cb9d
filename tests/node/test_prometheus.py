"""What ships for Prometheus and Grafana: their names exist, and a real Prometheus reads a real node with a key."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from christmas.metrics import prometheus as page_of
from christmas.node.options import Options
from tests.farm import ROOT, Farm, free_port, until

FILES = [ROOT / "config" / name for name in ("prometheus.yml", "prometheus-alerts.yml", "grafana-dashboard.json")]
CONFIG, ALERTS, DASHBOARD = FILES
NAME = re.compile(r"\bchristmas_[a-z_]+\b")
VENDOR = "ornament_shop_com"
needs_prometheus = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("promtool")),
    reason="needs Prometheus, which .ci/run installs (apt install prometheus)",
)


def expressions() -> list[str]:
    """Return the dashboard's queries as Grafana would send them."""
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    queries = [target["expr"] for panel in panels for target in panel.get("targets", [])]
    return [query.replace("$__rate_interval", "1m").replace("$vendor", ".*") for query in queries]


def test_every_name_that_ships_is_given_by_a_node(farm: Farm) -> None:
    page = page_of.text(farm.engine, farm.config, slots={"used": 0, "total": 1}).decode()
    given = set()
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", page, re.MULTILINE):
        given |= {f"{name}_{part}" for part in ("bucket", "sum", "count")} if kind == "histogram" else {name}
    for file in FILES[1:]:
        named = set(NAME.findall(file.read_text(encoding="utf-8")))
        assert named
        assert named <= given, file
    # And what a node gives is shown.
    shown = " ".join(expressions())
    assert [name for name in given if not name.endswith(("_sum", "_count")) and name not in shown] == []


def test_an_alert_says_what_it_is_about() -> None:
    text = ALERTS.read_text(encoding="utf-8")
    assert text.count("- alert:") == text.count("expr:") == text.count("summary:") == text.count("severity:") >= 5


@pytest.mark.integration
@needs_prometheus
def test_promtool_accepts_the_files(tmp_path: Path) -> None:
    for file in (CONFIG, ALERTS):
        shutil.copy(file, tmp_path)
    (tmp_path / "prometheus.key").write_text("key", encoding="utf-8")
    for command in (["rules", ALERTS.name], ["config", CONFIG.name]):
        done = subprocess.run(["promtool", "check", *command], cwd=tmp_path, capture_output=True, text=True, timeout=90)
        assert done.returncode == 0, done.stdout + done.stderr


class Prometheus:
    """One that runs, and its HTTP API."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def ask(self, path: str, **arguments: str) -> Any:
        query = urllib.parse.urlencode(arguments)
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=10) as answer:
            return json.load(answer)["data"]

    def value(self, query: str) -> float | None:
        """Return the only value of a query; None where there is none yet."""
        found = self.ask("query", query=query)["result"]
        return float(found[0]["value"][1]) if found else None

    def targets(self) -> list[tuple[str, str]]:
        """Return each target's health and what went wrong."""
        return [(one["health"], one["lastError"]) for one in self.ask("targets")["activeTargets"]]

    def rules(self) -> set[str]:
        """Return the health of all rules."""
        return {rule["health"] for group in self.ask("rules")["groups"] for rule in group["rules"]}


@contextmanager
def prometheus(folder: Path, port_of_node: int, key: str) -> Iterator[Prometheus]:
    """Run one with the configuration that ships, but for the node's port and the pause between two looks."""
    folder.mkdir()
    shutil.copy(ALERTS, folder)
    text = CONFIG.read_text(encoding="utf-8").replace("localhost:6800", f"127.0.0.1:{port_of_node}")
    (folder / CONFIG.name).write_text(text.replace("15s", "1s"), encoding="utf-8")
    secret = folder / "prometheus.key"
    secret.touch(mode=0o600)
    secret.write_text(key, encoding="utf-8")
    port = free_port()
    command = [
        "prometheus", f"--config.file={folder / CONFIG.name}", f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
    try:
        found = Prometheus(port)
        until(found.ready, 30, f"the start of Prometheus ({folder / 'log'})")
        yield found
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.long
@needs_prometheus
def test_a_real_prometheus_reads_a_node_with_a_key(farm: Farm, tmp_path: Path) -> None:
    node = farm.node()
    key = farm.key("monitor", user="prometheus")[1]
    with prometheus(tmp_path / "prometheus", node.port, key) as found:
        until(lambda: found.targets() == [("up", "")], 30, "the first look at the node")
        job = farm.wait(node.schedule(VENDOR, stage="links", which="all").json["jobid"])
        assert job.state == "succeeded"
        pages = (job.outcome or {})["pages_read"]
        counted = f'christmas_pages_total{{vendor="{VENDOR}",result="read"}}'
        until(lambda: found.value(counted) == pages, 30, "the run's pages in Prometheus")
        assert (found.value(f'christmas_latency_seconds_count{{vendor="{VENDOR}"}}') or 0) >= pages
        p95 = f'histogram_quantile(0.95, christmas_ttfb_seconds_bucket{{vendor="{VENDOR}"}})'
        assert 0 < (found.value(p95) or 0) < 5
        assert found.value('christmas_node_slots{slots="total"}') == Options(farm.config).slots
        assert found.value("christmas_redis_up") == 1
        for query in expressions():
            found.ask("query", query=query)  # an error is HTTP 400
        until(lambda: found.rules() == {"ok"}, 30, "a look at each rule")
    with prometheus(tmp_path / "other", node.port, "wrong") as found:
        until(lambda: [state for state, _ in found.targets()] == ["down"], 30, "a refusal")
        assert "401" in found.targets()[0][1]


def test_the_key_of_prometheus_can_do_nothing_else(farm: Farm) -> None:
    node, key = farm.node(), farm.key("monitor")
    assert node.ask("metrics", key=key).status == node.ask("daemonstatus.json", key=key).status == 200
    for path in ("", "jobs", "logs/", "listjobs.json", "listspiders.json?project=christmas"):
        assert node.ask(path, key=key).status == 403
    assert node.ask("schedule.json", {"project": "christmas", "spider": VENDOR}, key=key).status == 403
