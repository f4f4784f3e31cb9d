"""What a browser does with the pages: it keeps the session, and sends a form with what is in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lxml import html

from tests.server.running import Answer, Server


@dataclass
class Browser:
    """One that is signed in; without JavaScript."""

    server: Server
    cookie: str

    def open(self, path: str, status: int = 200) -> Any:
        """Return a page as a tree."""
        answer = self.server.ask(path, cookie=self.cookie)
        assert answer.status == status, (path, answer.text)
        return html.fromstring(answer.text)

    def press(self, path: str, button: str, status: int = 200) -> Answer:
        """Open a page, and press the one button of that name; gives what is answered to its form."""
        [found] = [one for one in self.open(path, status).iter("button") if name_of(one) == button]
        form = next(found.iterancestors("form"))
        fields = {name: value for name, value in form.form_values() if value is not None}
        return self.server.ask(found.get("formaction") or form.action, form=fields, cookie=self.cookie)

    def open_form(self, path: str, status: int, **fields: str) -> Any:
        """Send a form that no page has, but with this session's token; gives the page that is answered."""
        [token, *_] = self.open("/operations").xpath("//input[@name='csrf']/@value")
        answer = self.server.ask(path, form={"csrf": token, **fields}, cookie=self.cookie)
        assert answer.status == status, (path, answer.text)
        return html.fromstring(answer.text)

    def follows(self, answer: Answer) -> str:
        """Follow a redirect, and give what the page says was done."""
        assert answer.status == 303, answer.text
        [notice] = self.open(answer.headers["location"]).find_class("notice")
        return text(notice)


def name_of(button: Any) -> str:
    """Return what a button is called by whoever does not see it."""
    return button.get("aria-label") or text(button)


def text(element: Any) -> str:
    """Return the words in an element, with one space between them."""
    return " ".join(" ".join(element.itertext()).split())


def rows(page: Any, title: str) -> list[list[str]]:
    """Return the cells of the table that the element of this id is the title of."""
    [table] = page.xpath(f"//table[@aria-labelledby='{title}']")
    return [[text(cell) for cell in row] for row in table.xpath("./tbody/tr")]


def buttons(page: Any) -> set[str]:
    """Return the names of all buttons."""
    return {name_of(one) for one in page.iter("button")}
