"""The configuration that gateways shall run, signed, and who waits for the next."""

from __future__ import annotations

from dataclasses import dataclass, field

from opengateway.kit.clock import Clock
from opengateway.kit.pulse import Pulse


@dataclass(frozen=True, slots=True)
class SignedSnapshot:
    """`blob` is in the form of kit/signing.py; `version` is what is signed inside it."""

    version: str
    blob: bytes
    vault_version: str = ""
    vault: bytes = field(default=b"", repr=False)
    """What its credentials of the database are, sealed; signed as the blob is."""


class SnapshotBoard:
    """Holds the current one. It is made and signed elsewhere, and given whole."""

    def __init__(self, current: SignedSnapshot, clock: Clock) -> None:
        self.current = current
        self._clock = clock
        self._pulse = Pulse()

    def publish(self, snapshot: SignedSnapshot) -> None:
        """Put a new one in force and wake who waits. The same version again is no news."""
        if snapshot.version != self.current.version:
            self.current = snapshot
            self._pulse.beat()

    async def other_than(self, version: str, timeout_s: float) -> SignedSnapshot | None:
        """The current one as soon as it is not `version`; None at the time-out or a stop.

        Versions are names, not numbers: after a return to an older configuration, that one is in
        force, and gateways must follow.
        """
        deadline = self._clock.monotonic() + timeout_s
        while self.current.version == version:
            left = deadline - self._clock.monotonic()
            if left <= 0 or self._pulse.stopped or not await self._pulse.wait(left):
                return None
        return self.current

    def stop(self) -> None:
        self._pulse.stop()
