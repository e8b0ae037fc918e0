"""Bodies on their way to control: sealed in a thread, spooled as files, shipped, removed.

Each file is whole frames of sealed bodies (kit/framing.py) and gets its name last. Any gateway of
the home ships any file: control takes a body once. Nothing here holds up a request, and nothing is
written of a team that keeps nothing. What finds no room is dropped and counted (decision 8).
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from opengateway.domain.kept_body import CapturedBody, SealedBody, packed, purpose_of
from opengateway.infra.control_client import ControlRefused
from opengateway.infra.journal.shipper import ControlUnreachable
from opengateway.kit import envelope
from opengateway.kit.clock import Clock
from opengateway.kit.framing import frame
from opengateway.kit.ids import NewId, milliseconds_of
from opengateway.kit.log import get_logger
from opengateway.ports.secret_box import SecretBox

QUEUED_BYTES: Final = 32 * 1024 * 1024
BATCH_BYTES: Final = 8 * 1024 * 1024
"""Of what is sealed into one file, as it was; a push of it is far below what control takes."""
SPOOL_BYTES: Final = 512 * 1024 * 1024
SPARED_BYTES: Final = 256 * 1024 * 1024
"""Of the disk: bodies stop here, and the journal goes on."""
_SUFFIX: Final = ".ogb"
_LINGER_S: Final = 0.2
_RETRY_S: Final = (0.2, 10.0)
_FORGOTTEN_DRAFT_S: Final = 3600.0
log = get_logger("bodies")

Send = Callable[[bytes], Awaitable[None]]
"""Raises `ControlUnreachable`, or `ControlRefused` for what will never be taken."""


class BodySpool:
    """Implements `ports.body_sink.BodySink`. `run` works until it is cancelled."""

    def __init__(
        self,
        folder: Path,
        box: SecretBox,
        send: Send,
        clock: Clock,
        new_id: NewId,
        kept_days: int,
        *,
        spool_bytes: int = SPOOL_BYTES,
    ) -> None:
        self._folder = folder
        self._box = box
        self._send = send
        self._clock = clock
        self._new_id = new_id
        self._kept_ms = kept_days * 86_400_000
        self._spool_bytes = spool_bytes
        self._queue: deque[CapturedBody] = deque()
        self._queued_bytes = 0
        self._offered = asyncio.Event()
        self._written = asyncio.Event()
        self.depth_bytes = 0
        """What lies on disk."""
        self.dropped: Counter[str] = Counter()
        self.shipped = 0

    def offer(self, body: CapturedBody) -> None:
        size = len(body.request) + len(body.answer)
        if self._queued_bytes + size > QUEUED_BYTES:
            self.dropped["queue"] += 1
            return
        self._queue.append(body)
        self._queued_bytes += size
        self._offered.set()

    def missed(self, why: str) -> None:
        self.dropped[why] += 1

    async def run(self) -> None:
        self.depth_bytes = await asyncio.to_thread(self._tidied)
        self._written.set()
        async with asyncio.TaskGroup() as both:
            both.create_task(self._keep_writing())
            both.create_task(self._keep_shipping())

    async def aclose(self) -> None:
        """Nothing more is offered, and `run` is over: what is in memory goes to disk."""
        while self._queue:
            await self._write(self._taken())

    # --- to disk -----------------------------------------------------------------------------------

    async def _keep_writing(self) -> None:
        while True:
            await self._offered.wait()
            await asyncio.sleep(_LINGER_S)  # several of them make one file
            self._offered.clear()
            while self._queue:
                await self._write(self._taken())

    def _taken(self) -> list[CapturedBody]:
        batch: list[CapturedBody] = []
        size = 0
        while self._queue and (not batch or size < BATCH_BYTES):
            body = self._queue.popleft()
            size += len(body.request) + len(body.answer)
            batch.append(body)
        self._queued_bytes -= size
        return batch

    async def _write(self, batch: Sequence[CapturedBody]) -> None:
        try:
            size = await asyncio.to_thread(self._written_size, batch)
        except OSError as error:
            log.error("bodies not spooled", error=error.strerror or str(error))
            size = 0
            self.dropped["disk"] += len(batch)
        self.depth_bytes += size
        if size:
            self._written.set()

    def _written_size(self, batch: Sequence[CapturedBody]) -> int:
        """In a thread. Raises `OSError`."""
        if self.depth_bytes >= self._spool_bytes:
            self.dropped["spool"] += len(batch)
            return 0
        if shutil.disk_usage(self._folder.parent).free < SPARED_BYTES:
            self.dropped["disk"] += len(batch)
            return 0
        self._folder.mkdir(mode=0o700, exist_ok=True)
        path = self._folder / (self._new_id("body_") + _SUFFIX)
        draft = path.with_suffix(".draft")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                for body in batch:
                    file.write(frame(msgspec.msgpack.encode(self._sealed(body))))
                size = file.tell()
            draft.rename(path)
        except OSError:
            draft.unlink(missing_ok=True)
            raise
        return size

    def _sealed(self, body: CapturedBody) -> SealedBody:
        purpose = purpose_of(body.team_id, body.request_id)
        closed = envelope.seal(packed(body), purpose, self._box.seal)
        return SealedBody(body.request_id, body.team_id, body.member_id, body.started_at_ns, closed)

    # --- to control --------------------------------------------------------------------------------

    async def _keep_shipping(self) -> None:
        pause_s = _RETRY_S[0]
        while True:
            await self._written.wait()
            self._written.clear()
            try:
                await self._ship()
                pause_s = _RETRY_S[0]
            except (ControlUnreachable, OSError):
                self._written.set()
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _RETRY_S[1])

    async def _ship(self) -> None:
        """Every file, the oldest first. Raises `ControlUnreachable`, `OSError`."""
        for path in await asyncio.to_thread(self._files):
            try:
                data = await asyncio.to_thread(path.read_bytes)
            except FileNotFoundError:
                continue  # another gateway of this home was first
            if self._is_expired(path):
                self.dropped["expired"] += 1
            else:
                try:
                    await self._send(data)
                    self.shipped += 1
                except ControlRefused as refusal:
                    log.error("bodies refused", file=path.name, detail=str(refusal)[:200])
                    self.dropped["refused"] += 1
            await asyncio.to_thread(path.unlink, missing_ok=True)
            self.depth_bytes = max(0, self.depth_bytes - len(data))

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("*" + _SUFFIX))

    def _is_expired(self, path: Path) -> bool:
        try:
            made_ms = milliseconds_of(path.stem)
        except ValueError:
            return True
        return made_ms + self._kept_ms < self._clock.now_ns() // 1_000_000

    def _tidied(self) -> int:
        """Bytes that lie there from before; what a kill left half written is removed."""
        if not self._folder.is_dir():
            return 0
        late_s = self._clock.now_ns() / 1e9 - _FORGOTTEN_DRAFT_S
        for draft in self._folder.glob("*.draft"):
            if draft.stat().st_mtime < late_s:
                draft.unlink(missing_ok=True)
        return sum(path.stat().st_size for path in self._files())
