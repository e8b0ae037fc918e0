"""Bodies on their way: sealed on disk, shipped when control is there, bounded when it is not."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from opengateway.domain.kept_body import CapturedBody, SealedBody, captured_of, purpose_of
from opengateway.infra.bodies import spool as module
from opengateway.infra.bodies.spool import BodySpool
from opengateway.infra.control_client import ControlRefused
from opengateway.infra.journal.shipper import ControlUnreachable
from opengateway.infra.secret_box import AesSecretBox
from opengateway.kit import envelope
from opengateway.kit.clock import SystemClock
from opengateway.kit.framing import scan
from opengateway.kit.ids import IdSource

BOX = AesSecretBox({1: b"k" * 32})
SECRET = b"the prompt that nobody may read"


def body(number: int, size: int = 0) -> CapturedBody:
    request = SECRET + b"x" * size
    return CapturedBody(
        f"gen_{number}", "team_a", None, 1, "chat", request, len(request), b"hi", 2, False
    )


class Control:
    def __init__(self) -> None:
        self.fault: Exception | None = None
        self.taken: list[SealedBody] = []

    async def keep(self, data: bytes) -> None:
        if self.fault is not None:
            raise self.fault
        frames, end = scan(data)
        assert end == len(data)
        self.taken += [msgspec.msgpack.decode(frame, type=SealedBody) for frame in frames]


@asynccontextmanager
async def spooling(folder: Path, control: Control, **bounds: Any) -> AsyncIterator[BodySpool]:
    clock = SystemClock()
    spool = BodySpool(folder, BOX, control.keep, clock, IdSource(clock), 30, **bounds)
    task = asyncio.create_task(spool.run())
    yield spool
    task.cancel()
    await asyncio.wait({task})
    await spool.aclose()


async def true(told: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not told():  # noqa: ASYNC110 - a file appears, and tells nobody
            await asyncio.sleep(0.01)


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*")) if folder.is_dir() else []


async def test_a_body_arrives_sealed_for_its_own_team_and_request(tmp_path: Path) -> None:
    control = Control()
    async with spooling(tmp_path / "bodies", control) as spool:
        spool.offer(body(1))
        await true(lambda: control.taken and not files(tmp_path / "bodies"))
    (sealed,) = control.taken
    assert SECRET not in sealed.sealed
    opened = envelope.unseal(sealed.sealed, purpose_of("team_a", "gen_1"), BOX.open)
    assert captured_of(opened).request == SECRET
    with pytest.raises(envelope.BadEnvelope):
        envelope.unseal(sealed.sealed[:-1] + b"x", purpose_of("team_a", "gen_1"), BOX.open)


async def test_while_control_is_away_they_wait_on_disk_closed_and_unreadable(
    tmp_path: Path,
) -> None:
    control, folder = Control(), tmp_path / "bodies"
    control.fault = ControlUnreachable("away")
    async with spooling(folder, control) as spool:
        spool.offer(body(1))
        await true(lambda: files(folder))
        (path,) = files(folder)
        assert SECRET not in path.read_bytes()
        assert os.stat(path).st_mode & 0o077 == os.stat(folder).st_mode & 0o077 == 0
        assert spool.depth_bytes == path.stat().st_size
        control.fault = None
        await true(lambda: control.taken)
        await true(lambda: spool.depth_bytes == 0)


async def test_what_a_gateway_leaves_is_shipped_by_the_next(tmp_path: Path) -> None:
    control, folder = Control(), tmp_path / "bodies"
    control.fault = ControlUnreachable("away")
    async with spooling(folder, control) as spool:
        spool.offer(body(1))
    assert len(files(folder)) == 1
    async with spooling(folder, Control()), spooling(folder, second := Control()):
        await true(lambda: not files(folder))
    assert len(second.taken) <= 1


async def test_a_full_spool_drops_what_is_new_and_counts_it(tmp_path: Path) -> None:
    control, folder = Control(), tmp_path / "bodies"
    control.fault = ControlUnreachable("away")
    async with spooling(folder, control, spool_bytes=100) as spool:
        spool.offer(body(1))
        await true(lambda: spool.depth_bytes >= 100)
        for number in (2, 3, 4):
            spool.offer(body(number))
        await true(lambda: spool.dropped["spool"] == 3)
        assert len(files(folder)) == 1


async def test_more_than_fits_the_queue_is_dropped_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "QUEUED_BYTES", 1_000)
    clock = SystemClock()
    spool = BodySpool(tmp_path, BOX, Control().keep, clock, IdSource(clock), 30)
    for number in range(4):
        spool.offer(body(number, 400))
    assert spool.dropped == {"queue": 2}


async def test_a_disk_with_little_room_is_left_to_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SPARED_BYTES", 2**62)
    async with spooling(tmp_path / "bodies", Control()) as spool:
        spool.offer(body(1))
        await true(lambda: spool.dropped["disk"])
    assert files(tmp_path / "bodies") == []


async def test_what_control_will_never_take_is_removed_and_counted(tmp_path: Path) -> None:
    control, folder = Control(), tmp_path / "bodies"
    control.fault = ControlRefused("damaged")
    async with spooling(folder, control) as spool:
        spool.offer(body(1))
        await true(lambda: spool.dropped["refused"] and not files(folder))


async def test_without_a_body_there_is_not_even_a_folder(tmp_path: Path) -> None:
    async with spooling(tmp_path / "bodies", Control()) as spool:
        await true(lambda: spool.depth_bytes == 0)
    assert not (tmp_path / "bodies").exists()
