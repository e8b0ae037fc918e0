"""Where the gateway leaves the bodies that a team keeps. Bodies alone may be dropped (decision 8)."""

from __future__ import annotations

from typing import Protocol

from opengateway.domain.kept_body import CapturedBody


class BodySink(Protocol):
    """Implementation: `infra/bodies/spool.py`."""

    def offer(self, body: CapturedBody) -> None:
        """Take it, or drop and count it where there is no room. At once, and never raises."""
        ...

    def missed(self, why: str) -> None:
        """One was not even made: count it."""
        ...
