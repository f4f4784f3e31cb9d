"""Pages from templates: the values that all have, and the formats of amounts and times."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from christmas.catalog.export import amount
from christmas.server import auth
from christmas.server.web import static

if TYPE_CHECKING:
    from starlette.requests import Request

    from christmas.access.gate import Caller

SIGNS = {"USD": "$", "EUR": "€", "GBP": "£"}
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400

templates = Environment(
    loader=PackageLoader("christmas.server.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(request: Request, caller: Caller | None, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a page; ``caller`` None where no key was checked."""

    def may(permission: str) -> bool:
        return caller is not None and auth.may(request, caller, permission)

    common = {
        "request": request, "path": request.url.path, "caller": caller, "may": may,
        "csrf": caller.csrf if caller is not None and caller.token else "", "now": datetime.now(UTC),
    }  # fmt: skip
    return HTMLResponse(templates.get_template(template).render(common | values), status)


def money(minor: int | None, currency: str | None) -> str:
    """Format an amount: 2495 USD is ``$24.95``."""
    text = amount(minor, currency)
    if text is None:
        return "\N{EN DASH}"
    sign = SIGNS.get(currency or "USD")
    return f"{sign}{text}" if sign else f"{text} {currency}"


def ago(at: datetime | None) -> str:
    """Format the age of a time, such as ``2 hours ago``."""
    if at is None:
        return "never"
    seconds = (datetime.now(UTC) - at).total_seconds()
    for size, word in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute")):
        if abs(seconds) >= size:
            number = int(abs(seconds) // size)
            text = f"{number} {word}{'s' if number > 1 else ''}"
            return f"{text} ago" if seconds > 0 else f"in {text}"
    return "just now"


templates.globals.update(static=static.address, money=money, ago=ago)
templates.filters["words"] = lambda text: str(text).replace("_", " ")
