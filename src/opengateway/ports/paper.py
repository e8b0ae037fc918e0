"""Makes a paper a PDF."""

from __future__ import annotations

from typing import Protocol

from opengateway.domain.paper import Paper


class PaperPress(Protocol):
    def pdf(self, paper: Paper) -> bytes:
        """The same bytes for the same paper. Takes up to a second: call it in a thread."""
        ...
