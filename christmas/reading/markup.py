"""The few DOM helpers all readers share."""

from __future__ import annotations

from urllib.parse import urljoin

from lxml import etree, html

from christmas.errors import NothingReadable


def parse(body: bytes, encoding: str = "utf-8") -> html.HtmlElement:
    """Parse a page; raise NothingReadable where there is nothing to parse.

    Bytes that are valid UTF-8 are read as that whatever was declared: a wrong charset is the commoner mistake.
    """
    if not body.strip():
        raise NothingReadable("The page is empty.")
    if b"\x00" in body[:1024]:
        raise NothingReadable("The page is binary, not HTML.")
    text = decode(body, encoding)
    try:
        document = html.document_fromstring(text.encode("utf-8"), parser=html.HTMLParser(encoding="utf-8"))
    except (etree.ParserError, ValueError) as error:
        raise NothingReadable(f"The page cannot be parsed as HTML: {error}") from error
    return document


def decode(body: bytes, encoding: str) -> str:
    """Decode a page: UTF-8 where the bytes are, else as declared, else as Windows-1252."""
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = body.decode("utf-8-sig", "replace")
    wrong = text.count("\ufffd")
    if sum(not letter.isascii() for letter in text) > 2 * wrong:
        return text  # a few broken letters, such as a page cut within one, must not spoil all the others
    if encoding.replace("_", "-").lower() in {"utf-8", "utf8"}:
        encoding = "cp1252"
    try:
        return body.decode(encoding, "replace")
    except LookupError:
        return body.decode("cp1252", "replace")


def text_of(element: html.HtmlElement) -> str:
    """Return an element's text with whitespace normalised, without scripts and styles."""
    return " ".join("".join(element.xpath(".//text()[not(parent::script) and not(parent::style)]")).split())


def has_class(name: str) -> str:
    """Return the XPath condition of one class."""
    return f"contains(concat(' ', normalize-space(@class), ' '), ' {name} ')"


def absolute(base: str, href: str) -> str:
    """Resolve a link as it stands in the page; '' where it leads to no web page."""
    try:
        url = urljoin(base, href.strip())
    except ValueError:
        return ""
    return url if url.startswith(("http://", "https://")) else ""
