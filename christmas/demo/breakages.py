"""What can go wrong with a whole shop: a breakage stays until it is taken off ``shop.breakage`` again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from christmas.demo.faults import Fault
    from christmas.demo.shops import Offer

PageKind = Literal["home", "robots", "index", "listing", "product", "other"]
# A healthy page by its target; None where there is none.
Render = Callable[[str], str | None]
Edit = Callable[[Render, str], str | None]


@dataclass(frozen=True, slots=True)
class Breakage:
    """What a broken shop does differently; by default nothing.

    ``offer`` changes what listings and product pages show of each offer, ``edits`` the pages of a kind, ``faults`` how
    requests for them are answered (one in ``one_in``), ``delay_factor`` how long each answer takes.
    """

    offer: Callable[[Offer], Offer] | None = None
    edits: Mapping[PageKind, Edit] = field(default_factory=dict)
    faults: Mapping[PageKind, Fault] = field(default_factory=dict)
    one_in: int = 1
    delay_factor: int = 1
