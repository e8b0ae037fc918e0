"""The other zones of the same house, by name: so that what is theirs can be sent there."""

from __future__ import annotations

from collections.abc import Mapping

from opengateway.domain.errors import NotAllowed
from opengateway.kit.secrets import hint, mark_of, zone_mark


class ZoneMismatch(NotAllowed):
    """What was shown is another zone's. Nothing is asked of that zone: its data stays there."""

    code = "zone_mismatch"


class Neighbours:
    """`urls`: the name of each other zone to its public address."""

    def __init__(self, own: str = "", urls: Mapping[str, str] | None = None) -> None:
        self._own = own
        self.urls = dict(urls or {})
        self._by_mark = {zone_mark(name): name for name in self.urls}

    def refuse_key(self, secret: str) -> None:
        """Of a well-formed key that is not known here. Raises `ZoneMismatch` where its mark is that
        of another zone."""
        name = self._by_mark.get(mark_of(secret))
        if name is not None:
            raise ZoneMismatch(
                f"the key {hint(secret)} is of zone {name!r}, and this is zone {self._own!r}; call"
                f" {self.urls[name]}, or make a key here"
            )


NOBODY = Neighbours()
