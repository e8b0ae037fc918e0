"""Gateways as far as money goes: a leased purse, a journal that is shipped, the feed of changes; and
the control process that they share."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from control_plane import closed, opened
from opengateway.compose.paths import Paths
from opengateway.domain.errors import GatewayError
from opengateway.domain.money import Nanos, nanos_to_usd
from opengateway.domain.principal import KeyKind, Principal
from opengateway.infra.control_client import ControlClient
from opengateway.infra.journal.shipper import ControlUnreachable
from opengateway.infra.purse import ControlLeases, LeasedPurse
from opengateway.kit.clock import SystemClock
from opengateway.kit.framing import frame
from opengateway.kit.ids import IdSource

TESTS = Path(__file__).parents[1]
SEGMENT = "segment-00000001.ogj"
CLOCK = SystemClock()


class Till:
    """One gateway."""

    def __init__(self, socket: Path) -> None:
        self.new_id = IdSource(CLOCK)
        self.gateway = self.new_id("gw_")
        self.client = ControlClient(socket)
        self.journal = bytearray()
        self.acked = 0
        self.bugs: list[BaseException] = []
        self.charged = 0
        self.purse = LeasedPurse(
            ControlLeases(self.client, self.gateway),
            CLOCK,
            self.new_id,
            lambda: (len(self.journal), self.acked),
            lambda _, bug: self.bugs.append(bug),
        )
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        seq = (await self.client.key_table()).seq
        work = (self.purse.run(), self._follow(seq), self._ship())
        self._tasks = [asyncio.create_task(one) for one in work]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.client.aclose()
        assert not self.bugs

    async def serve(
        self, key: Principal, hold: int, cost: int, for_s: float = 0.002
    ) -> GatewayError | None:
        """One request, from its admission to its record. What it was refused with, if it was."""
        request_id = self.new_id("gen_")
        purse = self.purse
        try:
            if not purse.hold(key, request_id, Nanos(hold)):
                await purse.secure(key, request_id, Nanos(hold))
        except GatewayError as refused:
            return refused
        names = {"id": request_id, "team_id": key.team_id, "key_id": key.key_id}
        self._write(opened(0, **names, gateway=self.gateway, lease_id=purse.lease_of(request_id)))
        await asyncio.sleep(for_s)
        self.charged += cost
        self._write(
            closed(
                0,
                **names,
                gateway=self.gateway,
                started_at_ns=CLOCK.now_ns(),
                lease_id=purse.lease_of(request_id),
                cost_nanos=cost,
            )
        )
        purse.close(request_id, Nanos(cost))
        return None

    def _write(self, record: msgspec.Struct) -> None:
        self.journal += frame(msgspec.msgpack.encode(record))

    async def _ship(self) -> None:
        while True:
            await asyncio.sleep(0.02)
            if self.acked < len(self.journal):
                data = bytes(self.journal[self.acked :])
                with suppress(ControlUnreachable):
                    self.acked = await self.client.ship(
                        self.gateway, SEGMENT, self.acked, data, final=False
                    )

    async def _follow(self, seq: int) -> None:
        while True:
            try:
                status, body, _ = await self.client.call("GET", "/changes", after=seq, wait_s=5)
            except ControlUnreachable:
                await asyncio.sleep(0.05)
                continue
            assert status == 200, body
            said = msgspec.json.decode(body)
            seq = said["seq"]
            for change in said["changes"]:
                if change["kind"] == "recall":
                    self.purse.recall(change["row"]["lease_ids"])

    async def settled(self) -> None:
        """Until control has everything that this gateway has to tell."""
        async with asyncio.timeout(20):
            while self.purse.is_busy or self.acked < len(self.journal):  # noqa: ASYNC110
                await asyncio.sleep(0.02)


@dataclass
class House:
    """A control process, and gateways beside it."""

    process: asyncio.subprocess.Process
    client: ControlClient
    tills: list[Till] = field(default_factory=list)
    held: bool = False

    async def json(self, method: str, path: str, payload: object = None) -> Any:
        status, answer = await self.client.json(method, path, payload)
        assert status < 300, answer
        return answer

    async def key(self, **terms: Any) -> Principal:
        made = await self.json("POST", "/keys", {"team": "till", "name": "k"})
        if terms:
            path = f"/teams/{made['team_id']}/keys"
            made |= await self.json("POST", path, {"name": "limited", **terms})
        table = await self.client.key_table()
        return next(p for p in table.keys if p.key_id == made["id"] and p.kind is KeyKind.INFERENCE)

    async def grant(self, nanos: int, kind: str = "paid") -> None:
        wish = {"team": "till", "usd": nanos_to_usd(nanos), "note": "test", "kind": kind}
        await self.json("POST", "/grants", wish)

    async def balance(self, team_id: str) -> tuple[int, int]:
        """Available and held."""
        answer = await self.json("GET", f"/teams/{team_id}/balance")
        return answer["available_nanos"], answer["held_nanos"]

    async def settled(self) -> None:
        for till in self.tills:
            await till.settled()

    async def violations(self) -> list[Any]:
        found: list[Any] = (await self.json("GET", "/ledger/verify"))["violations"]
        return found

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)
        self.held = True

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.held = False


@asynccontextmanager
async def house_with(home: Path, gateways: int, store: str) -> AsyncIterator[House]:
    path = os.pathsep.join((str(TESTS), str(TESTS.parent / "src")))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(Path(__file__).with_name("control_process.py"))),
        *(str(home), store),
        stdout=asyncio.subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": path},
    )
    socket = Paths(home).internal_socket
    house = House(process, ControlClient(socket))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(_end, house)
        async with asyncio.timeout(20):
            while True:
                with suppress(ControlUnreachable):
                    await house.client.call("GET", "/status")
                    break
                await asyncio.sleep(0.05)
        for _ in range(gateways):
            till = Till(socket)
            stack.push_async_callback(till.stop)
            await till.start()
            house.tills.append(till)
        yield house


async def _end(house: House) -> None:
    if house.held:
        house.thaw()
    await house.client.aclose()
    if house.process.returncode is None:
        house.process.terminate()
    assert await house.process.wait() == 0
