"""Shift4Shop, formerly 3dcart: numbered products (catalogid), year pages, a View All link on long listings."""

from __future__ import annotations

from typing import ClassVar

from christmas.platforms.integration import Integration


class Shift4Shop(Integration):
    """A vendor on Shift4Shop; see Integration for what to set.

    A listing of more than one page is read through its View All page: two requests instead of ceil(n / page size).
    """

    follows_view_all: ClassVar[bool] = True
