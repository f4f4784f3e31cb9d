"""BigCommerce (Stencil themes): entity ids on cards and product pages, paging by link[rel=next]."""

from __future__ import annotations

from christmas.platforms.integration import Integration


class BigCommerce(Integration):
    """A vendor on BigCommerce; see Integration for what to set."""
