"""OpenGateway as it is shipped: a zone with 300 endpoints, 10,000 keys made through the internal
API (two hundred a second), and the count of its event log, which must equal the replies received."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

from processes import ROOT, Children, environment, free_port, tail

from opengateway.compose.paths import Paths

KEYS = 10_000
TEAMS = 100
MODELS = 100
PLACES = ("bench-a", "bench-b", "bench-c")
COMMAND = str(ROOT / ".venv" / "bin" / "opengateway")
PYTHON = str(ROOT / ".venv" / "bin" / "python")
TRANSLATED = "bench/translated"
"""A model of a provider that speaks another wire: its answers are translated."""
_WRITERS = 8
_SETTLED_S = 60.0
_MAX_ROWS = 300_000
"""Of a home that is used again: a larger log is another thing than a new one."""


CREDIT_USD = "1000000"
TERMS = {
    "limit_usd": "1000",
    "limit_reset": "monthly",
    "rpm": 1_000_000,
    "tpm": 1_000_000_000,
    "concurrency": 10_000,
}
"""Of each key: a budget and every kind of limit. None is reached."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What of the product is measured. `spends`: requests are held for, limited and charged.
    `stores`: where PostgreSQL and Valkey are; empty: the embedded ones."""

    name: str = "opengateway"
    spends: bool = True
    stores: Mapping[str, str] = field(default_factory=dict)

    def components(self) -> str:
        """For the zone file."""
        lines = ["components:", f"  billing: {{use: {'ledger' if self.spends else 'off'}}}"]
        if self.stores:
            lines += ["  control_store: {use: postgres, url: env:BENCH_STORE}"]
            lines += ["  shared_state: {use: valkey, url: env:BENCH_SHARED}"]
        return "\n".join([*lines, ""])


SHIPPED = Kind()


def model_names() -> list[str]:
    return [f"bench/model-{number:03d}" for number in range(MODELS)]


class Product:
    """One home for the whole run: the keys stay, and each start finds what the last one left."""

    def __init__(self, folder: Path, upstream_port: int, kind: Kind = SHIPPED) -> None:
        self.kind = kind
        self.home = folder / "home"
        self.zone_file = folder / "zone.yaml"
        self.secrets: list[str] = []
        self.replied = 0
        """Complete answers to requests with a key, in the whole run: the log's rows must be as many."""
        self.keys_per_s = 0.0
        self._paths = Paths(self.home)
        self.zone_file.write_text(zone_text(self.home, free_port(), upstream_port, kind))

    def environment(self) -> dict[str, str]:
        return environment(BENCH_PROVIDER_KEY="sk-bench", **self.kind.stores)

    def command(self, port: int) -> list[str]:
        return [COMMAND, "serve", "--zone", str(self.zone_file), "--port", str(port)]

    def gateway_command(self, port: int) -> list[str]:
        """The gateway process alone, as the parent starts it, with the state it keeps on disk."""
        module = ["-m", "opengateway.compose.gateway"]
        return [PYTHON, *module, "--zone", str(self.zone_file), "--port", str(port)]

    def find_keys(self, children: Children, kept: Path) -> bool:
        """Take over the keys of an earlier run of this home. False when it must be made anew.

        What that run left in the journal is settled first, so that rows can be counted from here.
        """
        if not kept.exists() or not self._paths.control_db.exists() or self.rows() > _MAX_ROWS:
            shutil.rmtree(self.home, ignore_errors=True)
            return False
        self.secrets = json.loads(kept.read_text())
        process = self._start(children)
        time.sleep(1.0)
        children.stop(process)
        self.replied = self.rows()
        return True

    def make_keys(self, children: Children, count: int) -> None:
        """Make the keys as an operator would: through control, one request each."""
        process = self._start(children)
        began = time.monotonic()
        self.secrets = asyncio.run(self._issue(count))
        self.keys_per_s = count / (time.monotonic() - began)
        time.sleep(1.0)  # the gateway takes the last changes and keeps them on disk
        children.stop(process)

    def _start(self, children: Children) -> subprocess.Popen[bytes]:
        self._paths.internal_socket.unlink(missing_ok=True)
        process = children.start("opengateway", self.command(free_port()), self.environment())
        began = time.monotonic()
        while not self._paths.internal_socket.exists():
            if process.poll() is not None or time.monotonic() - began > 30:
                raise SystemExit(f"opengateway did not start:\n{self.log(children)}")
            time.sleep(0.05)
        time.sleep(1.0)
        return process

    def log(self, children: Children) -> str:
        return tail(children.logs / "opengateway.log")

    async def _issue(self, count: int) -> list[str]:
        wanted = iter(range(count))
        teams = await self._teams(min(count, TEAMS))
        return [
            secret
            for part in await asyncio.gather(
                *(self._writer(wanted, teams) for _ in range(_WRITERS))
            )
            for secret in part
        ]

    async def _teams(self, count: int) -> list[str]:
        """Teams' ids; each has more credit than a run can spend."""
        caller = await _Caller.open(self._paths.internal_socket)
        found: list[str] = []
        with closing(caller.writer):
            for number in range(count):
                team = await caller.post("/teams", {"name": f"bench {number}"})
                found.append(team["id"])
                if self.kind.spends:
                    credit = {"team": team["id"], "usd": CREDIT_USD, "note": "bench"}
                    await caller.post("/grants", credit | {"kind": "paid"})
        return found

    async def _writer(self, wanted: Iterator[int], teams: list[str]) -> list[str]:
        caller = await _Caller.open(self._paths.internal_socket)
        terms = TERMS if self.kind.spends else {}
        made: list[str] = []
        with closing(caller.writer):
            for number in wanted:
                path = f"/teams/{teams[number % len(teams)]}/keys"
                made.append((await caller.post(path, {"name": f"key {number}", **terms}))["key"])
        return made

    def rows(self) -> int:
        """Rows of the event log, counted in the store itself."""
        if self.kind.stores:
            return asyncio.run(_rows_of(self.kind.stores["BENCH_STORE"]))
        address = f"file:{self._paths.control_db}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=5)) as store:
            return int(store.execute("SELECT count(*) FROM requests").fetchone()[0])

    def settled(self, replies: int) -> tuple[int, float]:
        """Wait until the log has a row for each reply. Rows, and the seconds that it took."""
        began = time.monotonic()
        while (rows := self.rows()) < replies and time.monotonic() - began < _SETTLED_S:
            time.sleep(0.05)
        return rows, time.monotonic() - began


@dataclass(frozen=True, slots=True)
class _Caller:
    """One connection to the internal API."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def open(cls, path: Path) -> _Caller:
        return cls(*await asyncio.open_unix_connection(str(path)))

    async def post(self, path: str, wish: Mapping[str, object]) -> Any:
        """The decoded answer. Raises `SystemExit` where it is a refusal."""
        body = json.dumps(wish).encode()
        self.writer.write(
            b"POST /internal/v1%b HTTP/1.1\r\nhost: local\r\n"
            b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
            % (path.encode(), len(body), body)
        )
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length:")[2].split("\r\n")[0])
        answer = await self.reader.readexactly(length)
        if head.split(" ")[1] not in ("200", "201"):
            raise SystemExit(f"{path} was refused: {answer.decode()[:300]}")
        return json.loads(answer)


async def _rows_of(url: str) -> int:
    import asyncpg

    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM requests"))
    finally:
        await connection.close()


def zone_text(home: Path, metrics_port: int, upstream_port: int, kind: Kind) -> str:
    template = Template((ROOT / "bench" / "zone.yaml").read_text())
    return kind.components() + template.substitute(
        HOME=home,
        METRICS_PORT=metrics_port,
        UPSTREAM=upstream_port,
        MODELS="\n".join(_models()),
    )


def _models() -> list[str]:
    lines: list[str] = []
    for name in model_names():
        lines += [f"  {name}:", "    endpoints:"]
        lines += [_endpoint(place) for place in PLACES]
    return [*lines, f"  {TRANSLATED}:", "    endpoints:", _endpoint("bench-translated")]


def _endpoint(place: str) -> str:
    price = '{input: "0.20", output: "0.60", cache_read: "0.02"}'
    return (
        f"      - {{provider: {place}, upstream_model: bench-upstream, context: 131072,"
        f" max_output: 16384, price: {price}}}"
    )
