"""``/metrics``: everything that is measured, in the format of Prometheus."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from twisted.internet import threads
from twisted.web import resource, server

from christmas.errors import ChristmasError, DatabaseUnavailable
from christmas.metrics import prometheus
from christmas.node.http import TEXT, reply

if TYPE_CHECKING:
    from twisted.web.http import Request

    from christmas.node.options import Options

logger = logging.getLogger(__name__)


class Metrics(resource.Resource):
    """The page that Prometheus reads."""

    isLeaf = True  # noqa: N815  # Twisted's name

    def __init__(self, options: Options, used_slots: Any) -> None:
        super().__init__()
        self.options = options
        self.used_slots = used_slots

    def render_GET(self, request: Request) -> int:  # noqa: N802  # Twisted's name
        """Begin to answer."""
        used = self.used_slots()
        slots = {"used": used, "total": self.options.slots}
        deferred = threads.deferToThread(
            prometheus.text, self.options.engine, self.options.config, request.caller.vendors, slots
        )
        deferred.addCallback(lambda body: reply(request, 200, prometheus.CONTENT_TYPE_LATEST, body))
        deferred.addErrback(lambda failure: _refuse(request, failure.value))
        return int(server.NOT_DONE_YET)


def _refuse(request: Request, error: Exception) -> None:
    away = isinstance(error, DatabaseUnavailable)
    logger.error(
        "The metrics could not be given: %s", error, exc_info=None if isinstance(error, ChristmasError) else error
    )
    if away:
        request.setHeader("Retry-After", "5")
    reply(request, 503 if away else 500, TEXT, b"not available; the node's log says why\n")
