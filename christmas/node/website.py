"""Scrapyd's web page, made from the jobs table in a thread."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any

from scrapyd.website import Root as ScrapydsRoot
from twisted.internet import threads
from twisted.web import resource, server

from christmas.db import database
from christmas.jobs import records
from christmas.jobs.submission import PROJECT
from christmas.node import options, scrapyd_jobs
from christmas.node.http import HTML, reply
from christmas.node.metrics import Metrics

if TYPE_CHECKING:
    from twisted.web.http import Request

    from christmas.jobs.records import JobRow

PENDING_SHOWN = 200
STYLE = (
    "body{font-family:system-ui,sans-serif;margin:2rem}table{border-collapse:collapse}"
    "th,td{border:1px solid #999;padding:.4rem;text-align:left}"
)


class Root(ScrapydsRoot):
    """All pages of the node."""

    def __init__(self, config: Any, app: Any) -> None:
        self.options = options.current()
        super().__init__(config, app)
        self.node_name = self.options.name
        self.putChild(b"", Page(self, _home))
        self.putChild(b"jobs", Page(self, _jobs))
        self.putChild(b"metrics", Metrics(self.options, lambda: len(self.launcher.processes)))

    def log_url(self, job: JobRow) -> str | None:
        """Return the address of a job's log on this node, None where there is no such file."""
        path = self.options.logs / PROJECT / str(job.vendor) / f"{job.id}.log"
        return f"/logs/{PROJECT}/{job.vendor}/{job.id}.log" if path.exists() else None


class Page(resource.Resource):
    """One HTML page."""

    isLeaf = True  # noqa: N815  # Twisted's name

    def __init__(self, root: Root, make: Any) -> None:
        super().__init__()
        self.root = root
        self.make = make

    def render_GET(self, request: Request) -> int:  # noqa: N802  # Twisted's name
        """Begin to answer."""
        vendors = request.caller.vendors
        deferred = threads.deferToThread(self.make, self.root, vendors)
        deferred.addCallback(lambda body: _send(request, 200, body))
        deferred.addErrback(lambda failure: _send(request, 503, f"<p>{escape(failure.getErrorMessage())}</p>"))
        return int(server.NOT_DONE_YET)


def _send(request: Request, code: int, body: str) -> None:
    title = "christmas node"
    page = (
        f"<!DOCTYPE html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{title}</title><style>{STYLE}</style><body>{body}</body></html>"
    ).encode()
    request.setHeader("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'")
    reply(request, code, HTML, page)


def _home(root: Root, vendors: list[str] | None) -> str:
    with database.read(root.options.engine) as connection:
        counts = records.count(connection, vendors=vendors)
    numbers = ", ".join(f"{count} {state}" for state, count in counts.items())
    return (
        f"<h1>Node {escape(root.options.name)}</h1><p>Jobs on all nodes: {numbers}.</p>"
        "<ul><li><a href=jobs>Jobs</a><li><a href=logs/>Logs</a></ul>"
    )


def _jobs(root: Root, vendors: list[str] | None) -> str:
    name = root.options.name
    with database.read(root.options.engine) as connection:
        waiting = records.count(connection, vendors=vendors)["queued"]
        pending = records.find(connection, states=["queued"], processes_only=True, vendors=vendors, limit=PENDING_SHOWN)
        running = records.find(connection, states=["running"], node=name, vendors=vendors)
        states, limit = scrapyd_jobs.FINISHED, scrapyd_jobs.FINISHED_SHOWN
        ended = records.find(connection, states=states, node=name, vendors=vendors, limit=limit)
    parts = [(f"Pending ({waiting} on all nodes)", pending), ("Running here", running), ("Ended here", ended)]
    tables = "".join(f"<h2>{title}</h2>{_table(root, rows)}" for title, rows in parts)
    return f"<h1>Jobs of {escape(name)}</h1><p><a href=./>Go up</a></p>{tables}"


def _table(root: Root, rows: list[JobRow]) -> str:
    head = "".join(f"<th>{name}" for name in ("Job", "Name", "Vendor", "State", "Start", "Runtime", "Log", ""))
    return f"<table><tr>{head}{''.join(_row(root, job) for job in rows)}</table>"


def _row(root: Root, job: JobRow) -> str:
    start = f"{job.started_at:%Y-%m-%d %H:%M:%S}" if job.started_at else ""
    end = job.finished_at or datetime.now(UTC)
    runtime = str(end - job.started_at).partition(".")[0] if job.started_at else ""
    url = root.log_url(job)
    link = f"<a href='{escape(url)}'>Log</a>" if url else ""
    cells = [job.id, job.name, job.vendor or "", job.state, start, runtime]
    button = (
        f"<form method=post action=cancel.json><input type=hidden name=project value={PROJECT}>"
        f"<input type=hidden name=job value='{escape(job.id)}'><button>Cancel</button></form>"
        if job.state in records.OPEN
        else ""
    )
    return "<tr>" + "".join(f"<td>{escape(cell)}" for cell in cells) + f"<td>{link}<td>{button}"
