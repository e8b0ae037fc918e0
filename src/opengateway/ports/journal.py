"""The gateway's memory that survives SIGKILL (decisions 6-8)."""

from __future__ import annotations

from typing import Protocol

from opengateway.domain.records import CloseRecord, OpenRecord


class Journal(Protocol):
    """Append-only. Both calls return after `write()`: what they were given survives SIGKILL.

    A thread makes it durable against power loss within 5 ms or 64 records.
    """

    @property
    def accepts_new_work(self) -> bool:
        """False when the disk is full and the reserve is in use: new paid work gets 503."""
        ...

    def open(self, record: OpenRecord) -> None:
        """Raises `CapacityError` if it could not be written: the request must not be sent."""
        ...

    def close(self, record: CloseRecord) -> None:
        """Uses the reserve if it must. Raises `CapacityError` only when that is used up too.

        The reserve is for what was opened, and may be billed: the record of a request that was
        refused before (`opened` false) raises `CapacityError` as soon as the disk is full.
        """
        ...

    def shutdown(self) -> None:
        """Flush and close."""
        ...
