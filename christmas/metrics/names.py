"""Everything that is measured, and under which name it is kept: ``metric``, ``metric|label`` or ``metric|bucket``.

Labels come from closed sets, so that what is kept of a vendor is bounded.
"""

from __future__ import annotations

# Durations, kept as histograms, with what Prometheus says of them.
HISTOGRAMS = {
    "ttfb": "From handing a request to the transport to the answer's headers.",
    "latency": "From handing a request to the transport to the last byte of the answer.",
    "queue_wait": "From a job's submission to its start.",
    "run_duration": "From a job's start to its end.",
    "child_completion": "From a root job's start to the end of each of its children.",
}
# Counts: the name of their label, "" where they have none, and what they count.
COUNTERS = {
    "requests": ("outcome", "Attempts at requests, by HTTP status or by what went wrong."),
    "retries": ("", "Attempts after the first."),
    "bytes": ("", "Bytes of answers as received."),
    "requests_by_page": ("page", "Requests for listing pages and product pages."),
    "pages": ("result", "Pages by what became of them."),
    "pages_by_source": ("source", "Product pages by a source that was read."),
    "products": ("result", "Products and listing entries by what became of them."),
    "dropped": ("reason", "Items that were dropped, by the reason."),
    "changes": ("", "Changes of products that were stored."),
    "held": ("", "Changes that were held."),
    "refreshed": ("", "Known products that were read again, from a listing or from their own page."),
    "jobs": ("state", "Jobs that ended."),
}
_STATUSES = {
    "200", "301", "302", "303", "304", "307", "308", "400", "401", "403", "404", "408", "410", "429", "500", "502",
    "503", "504", "520", "522", "524",
}  # fmt: skip


def status_label(status: int) -> str:
    """Return the label of an HTTP status: itself, or its class where it is a rare one."""
    text = str(status)
    return text if text in _STATUSES else f"{text[0]}xx" if len(text) == len("200") else "other"
