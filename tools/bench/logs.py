"""How fast the log of requests answers, on a zone that `opengateway dev seed` filled.

    python tools/bench/logs.py --zone ZONE.yaml [--runs 20] [--json FILE]

No control process may run on that zone. Each question is asked as its route asks it, with other values each
time; the first asking of all is shown apart, because nothing is in memory then.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from opengateway.compose.control import open_control, settings_of
from opengateway.control.logs.desk import LogDesk
from opengateway.control.logs.schemas import ExportFormat
from opengateway.domain.request_log import DAY_NS, HOUR_NS, Group, LogFilter, Place
from opengateway.infra.database import Database, migrate, sqlite_url
from opengateway.infra.event_log.archived import ArchivedEventLog
from opengateway.infra.event_log.parquet import ParquetArchive
from opengateway.infra.event_log.seeding import RARE, RequestMaker, SeedPlan
from opengateway.infra.event_log.segments import SegmentList
from opengateway.ports.event_log import EventLog

PERCENTS = (50.0, 90.0, 95.0, 99.0)
Ask = Callable[[EventLog, int], Awaitable[int]]


@dataclass
class Line:
    """One question: what it found at first, and its times in milliseconds."""

    name: str
    goal_ms: float | None
    found: int
    first_ms: float
    p50_ms: float
    p95_ms: float
    cpu_ms: float
    """Of the process itself, in the middle: what a machine with nothing else to do would need."""


def questions(
    now_ns: int, teams: list[str], models: list[str], providers: list[str], ids: list[str]
) -> list[tuple[str, float | None, Ask]]:
    until = now_ns // HOUR_NS * HOUR_NS
    month = LogFilter(from_ns=until - 30 * DAY_NS, until_ns=until)

    async def listed(log: EventLog, n: int) -> int:
        wanted = LogFilter(
            team_ids=(teams[n % len(teams)],), model=models[n % len(models)], status_class=5
        )
        return len(await log.page(wanted, limit=50))

    async def deep(log: EventLog, n: int) -> int:
        wanted = LogFilter(
            team_ids=(teams[n % len(teams)],), provider=providers[n % len(providers)]
        )
        place = Place(until - (n % 28 + 1) * DAY_NS, "gen_")
        return len(await log.page(wanted, limit=50, after=place))

    async def rare(log: EventLog, n: int) -> int:
        return len(await log.page(LogFilter(user=RARE), limit=50))

    async def one(log: EventLog, n: int) -> int:
        return int(await log.find(ids[n % len(ids)]) is not None)

    async def dashboard(log: EventLog, n: int) -> int:
        team = month_of(teams[n % len(teams)])
        days = await log.usage(team, (Group.DAY,), limit=100)
        of = await log.usage(team, (Group.MODEL,), limit=100)
        await log.usage(team, (Group.KEY,), limit=100)
        await log.usage(team, (), limit=1)
        return len(days) + len(of)

    async def all_teams(log: EventLog, n: int) -> int:
        return len(await log.usage(month, (Group.DAY, Group.PROVIDER), limit=1000))

    async def percentiles(log: EventLog, n: int) -> int:
        return len(await log.latencies(month, (Group.MODEL,), PERCENTS, limit=100))

    async def of_team(log: EventLog, n: int) -> int:
        team = month_of(teams[n % len(teams)])
        return len(await log.latencies(team, (Group.MODEL,), PERCENTS, limit=100))

    def month_of(team: str) -> LogFilter:
        return LogFilter(team_ids=(team,), from_ns=month.from_ns, until_ns=month.until_ns)

    return [
        ("list, a team, two filters", 150.0, listed),
        ("list, a team, deep page", 150.0, deep),
        ("list, 20 matches in all", 800.0, rare),
        ("one request", 20.0, one),
        ("dashboard of 30 days, a team", 300.0, dashboard),
        ("usage of 30 days, every team", 300.0, all_teams),
        ("percentiles by model, every team", 500.0, percentiles),
        ("percentiles by model, a team", 500.0, of_team),
    ]


async def timed(desk: LogDesk, ask: Ask, runs: int) -> tuple[int, list[float], float]:
    found, times, cpu = 0, [], []
    for n in range(runs + 1):
        begin, used = time.perf_counter(), time.process_time()
        async with desk.open_log() as log:
            count = await ask(log, n)
        times.append((time.perf_counter() - begin) * 1000)
        cpu.append((time.process_time() - used) * 1000)
        found = max(found, count)
    return found, times, sorted(cpu)[len(cpu) // 2]


async def exported(desk: LogDesk, rows: int) -> tuple[float, float]:
    """Rows a second, and by how many MB the process grew."""
    lines, before, begin = 0, peak_mb(), time.perf_counter()
    export = desk.export(LogFilter(), ExportFormat.CSV, whole=True)
    async for chunk in export:
        lines += chunk.count(b"\n")
        if lines >= rows:
            break
    await export.aclose()
    return lines / (time.perf_counter() - begin), peak_mb() - before


async def ingested(records: int) -> float:
    """Records a second into a new SQLite store: rows, rollups and a commit for each 256."""
    plan = SeedPlan(["team_a", "team_b", "team_c"], "bench", records, 1, 3 * HOUR_NS)
    made = RequestMaker(plan).hour(2, 0)
    with tempfile.TemporaryDirectory() as folder:
        url = sqlite_url(f"{folder}/store.sqlite3")
        await migrate(url)
        database, archive = Database(url), ParquetArchive(Path(folder) / "archive")
        begin = time.perf_counter()
        for at in range(0, records, 256):
            async with database.write() as session:
                await ArchivedEventLog(session, archive).ingest(made[at : at + 256])
                await session.commit()
        rate = records / (time.perf_counter() - begin)
        await archive.close()
        await database.close()
    return rate


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def run(zone: Path, runs: int) -> dict[str, object]:
    settings = settings_of(zone)
    async with open_control(settings) as house:
        database, desk = house.parts.database, house.parts.logs
        async with database.read() as session:
            segments = await SegmentList(session).all()
        async with desk.open_log() as log:
            total = (await log.usage(LogFilter(), (), limit=1))[0].sums.requests
            teams, models, providers = [
                [str(x.by[0]) for x in await log.usage(LogFilter(), (group,), limit=50)]
                for group in (Group.TEAM, Group.MODEL, Group.PROVIDER)
            ]
            newest = await log.page(LogFilter(), limit=10)
            step = max(1, len(segments) // 10)
            old = [
                row.id
                for s in segments[::step]
                for row in await log.page(LogFilter(until_ns=s.until_ns), limit=1)
            ]
        lines = []
        for name, goal, ask in questions(
            settings.clock.now_ns(),
            teams,
            models[:3],
            providers[:3],
            [row.id for row in newest[:3]] + old,
        ):
            found, (first, *times), cpu = await timed(desk, ask, runs)
            times.sort()
            p95 = times[min(len(times) - 1, int(len(times) * 0.95))]
            lines.append(Line(name, goal, found, first, times[len(times) // 2], p95, cpu))
        rate, grown = await exported(desk, 300_000)
    size_mb = sum(s.size_bytes for s in segments) / 1e6
    return {
        "load_average": os.getloadavg()[0],
        "requests": total,
        "segments": len(segments),
        "archive_mb": size_mb,
        "mb_per_million": size_mb / max(1, sum(s.rows for s in segments)) * 1e6,
        "lines": [asdict(line) for line in lines],
        "export_rows_per_s": rate,
        "export_grew_mb": grown,
        "ingest_per_s": await ingested(20_000),
        "peak_rss_mb": peak_mb(),
    }


def shown(told: dict[str, object]) -> str:
    lines = told["lines"]
    assert isinstance(lines, list)
    head = (
        f"{told['requests']:,} requests, {told['segments']} segments, {told['archive_mb']:.0f} MB "
        f"({told['mb_per_million']:.0f} MB a million); load average {told['load_average']:.1f}"
    )
    names = (
        f"{'question':34} {'found':>6} {'first ms':>9} {'p50':>8} {'p95':>8} {'CPU':>8} {'goal':>6}"
    )
    rows = [
        f"{x['name']:34} {x['found']:6} {x['first_ms']:9.1f} {x['p50_ms']:8.1f}"
        f" {x['p95_ms']:8.1f} {x['cpu_ms']:8.1f} {x['goal_ms']:6.0f}"
        for x in lines
    ]
    foot = (
        f"export {told['export_rows_per_s']:,.0f} rows/s, memory +{told['export_grew_mb']:.0f} MB; "
        f"ingest {told['ingest_per_s']:,.0f} records/s; peak {told['peak_rss_mb']:.0f} MB"
    )
    return "\n".join([head, "", names, *rows, "", foot])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--zone", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    told = asyncio.run(run(arguments.zone, arguments.runs))
    print(shown(told))
    if arguments.json:
        arguments.json.write_text(json.dumps(told, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
