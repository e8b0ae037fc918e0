"""`make bench-faults`: what callers notice of providers that fail, behind the gateway and a peer.

    python tools/bench/faults.py [--targets opengateway,litellm] [--rates 200,40] [--faults dead,500]
        [--fault-s 12] [--healed-s 45] [--no-page]

Three providers serve one model. One, then two of them fail in each of twelve ways, and heal. Streams come
at an even rate; each is counted that is not answered whole. Results go to
`bench/faults/results.json` and into the docs.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from fault_load import Ask, Loader
from fault_page import RESULTS, write_page
from fault_targets import Running, gateway, litellm
from faulty import FAULTS
from processes import ROOT, Children, environment, free_port, is_open
from targets import versions

WELL_S = 4.0
LATE_S = 1.0
"""A first token so much later than usual is noticed."""
SHARE_WINDOW_S = 6.0
FULL_SHARE = 0.7
"""Of a third of the calls: what counts as a full share, with what chance does to a window."""


@dataclass
class Row:
    target: str
    fault: str
    faulty: int
    rate: float
    requests: int = 0
    lost: int = 0
    p99_well_ms: float = 0.0
    p99_added_ms: float = 0.0
    """At p99 after detection: in the second half of the fault, beyond what it is when all are well."""
    recovery_s: float = 0.0
    """From the fault's beginning until the last request came whose caller noticed it."""
    amplification: float = 0.0
    first_after_heal_s: float | None = None
    full_after_heal_s: float | None = None
    errors: dict[str, int] = field(default_factory=dict)


class Faulty:
    """The three providers, by their control port."""

    def __init__(self, control: int, ports: list[int]) -> None:
        self.control, self.ports = control, ports

    async def order(self, **order: Any) -> Any:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.control, limit=1 << 24)
        writer.write(json.dumps(order).encode() + b"\n")
        answer = json.loads(await reader.readline())
        writer.close()
        return answer

    async def calls(self) -> dict[int, list[float]]:
        return {port: await self.order(port=port, calls=True) for port in self.ports}


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else 0.0


async def scenario(
    target: Running, faulty: Faulty, row: Row, fault_s: float, healed_s: float
) -> Row:
    """Well, then the fault, then healed: one row."""
    loader = Loader(target.url, target.key, target.model)
    ill = faulty.ports[: row.faulty]
    begin = time.monotonic() + 0.2
    broke, healed = begin + WELL_S, begin + WELL_S + fault_s
    load = asyncio.create_task(loader.run(row.rate, healed + healed_s))
    await asyncio.sleep(broke - time.monotonic())
    for port in ill:
        await faulty.order(port=port, fault=row.fault)
    await asyncio.sleep(healed - time.monotonic())
    for port in ill:
        await faulty.order(port=port, fault="")
    await load
    return judged(row, loader.asks, await faulty.calls(), ill, (begin, broke, healed))


def judged(
    row: Row,
    asks: list[Ask],
    calls: dict[int, list[float]],
    ill: list[int],
    times: tuple[float, float, float],
) -> Row:
    begin, broke, healed = times
    asks = [ask for ask in asks if ask.at >= begin]
    well = [a.first_s for a in asks if begin + 1 < a.at < broke and not a.lost]
    during = [a for a in asks if broke <= a.at < healed]
    late = [a.first_s for a in during if a.at > (broke + healed) / 2 and not a.lost]
    usual = statistics.median(well) if well else 0.0
    noticed = [
        a.at - broke for a in asks if a.at >= broke and (a.lost or a.first_s > usual + LATE_S)
    ]
    inside = sum(1 for times in calls.values() for at in times if broke <= at < healed)
    row.requests, row.lost = len(asks), sum(1 for a in asks if a.lost)
    row.p99_well_ms = round(quantile(well, 0.99) * 1e3, 1)
    row.p99_added_ms = round((quantile(late, 0.99) - quantile(well, 0.99)) * 1e3, 1)
    row.recovery_s = round(max(noticed, default=0.0), 2)
    row.amplification = round(inside / max(1, len(during)), 3)
    row.errors = dict(Counter(a.lost.split("{")[0][:60] for a in asks if a.lost).most_common(4))
    after = {port: [at - healed for at in times if at >= healed] for port, times in calls.items()}
    firsts = [min(after[port], default=None) for port in ill]
    if all(first is not None for first in firsts):
        row.first_after_heal_s = round(max(first for first in firsts if first is not None), 2)
    row.full_after_heal_s = full_share(after, ill)
    return row


def full_share(after: dict[int, list[float]], ill: list[int]) -> float | None:
    """When all healed ones have their share of the calls in a window, first."""
    last = max((at for times in after.values() for at in times), default=0.0)
    at = 0.0
    while at + SHARE_WINDOW_S <= last:
        window = {p: sum(1 for t in ts if at <= t < at + SHARE_WINDOW_S) for p, ts in after.items()}
        total = sum(window.values())
        if total and all(window[port] >= FULL_SHARE * total / len(after) for port in ill):
            return round(at + SHARE_WINDOW_S, 1) if at else SHARE_WINDOW_S
        at += 1.0
    return None


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--targets", default="opengateway,litellm")
    parser.add_argument("--rates", default="200,40", help="of the gateway; the peer gets 40")
    parser.add_argument("--faults", default=",".join(FAULTS))
    parser.add_argument("--counts", default="1,2")
    parser.add_argument("--fault-s", type=float, default=12.0)
    parser.add_argument("--healed-s", type=float, default=45.0)
    parser.add_argument("--peer-healed-s", type=float, default=8.0)
    parser.add_argument("--no-page", action="store_true")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the rows go")
    parser.add_argument("--add", action="store_true", help="to the rows that are there already")
    chosen = parser.parse_args()
    if unknown := set(chosen.faults.split(",")) - set(FAULTS):
        parser.error(f"no such fault: {', '.join(sorted(unknown))}; there are {', '.join(FAULTS)}")
    return chosen


def run(chosen: argparse.Namespace, children: Children, folder: Path) -> list[Row]:
    rows: list[Row] = []
    for name in chosen.targets.split(","):
        ours = name == "opengateway"
        rates = [float(rate) for rate in chosen.rates.split(",")] if ours else [40.0]
        for rate in rates:
            for fault in chosen.faults.split(","):
                for count in map(int, chosen.counts.split(",")):
                    row = Row(name, fault, count, rate)
                    healed_s = chosen.healed_s if ours else chosen.peer_healed_s
                    rows.append(one(children, folder, row, chosen.fault_s, healed_s))
                    say(rows[-1])
    return rows


def one(children: Children, folder: Path, row: Row, fault_s: float, healed_s: float) -> Row:
    """Each scenario has a new gateway and new providers: none knows of the last one."""
    ports, control = [free_port() for _ in range(3)], free_port()
    command = [sys.executable, str(ROOT / "tools" / "bench" / "faulty.py")]
    command += ["--control", str(control), "--ports", ",".join(map(str, ports))]
    processes: list[subprocess.Popen[bytes]] = [children.start("faulty", command, environment())]
    try:
        waited(control)
        place = folder / f"{row.target}-{row.fault}-{row.faulty}-{row.rate:.0f}"
        place.mkdir(parents=True)
        start = gateway if row.target == "opengateway" else litellm
        target = start(children, place, ports, processes)
        return asyncio.run(scenario(target, Faulty(control, ports), row, fault_s, healed_s))
    finally:
        for process in reversed(processes):
            with suppress(OSError):
                children.stop(process, grace_s=2.0)


def waited(port: int) -> None:
    for _ in range(400):
        if is_open(port):
            return
        time.sleep(0.05)
    raise SystemExit(f"nothing listens on port {port}")


def say(row: Row) -> None:
    print(
        f"{row.target} {row.rate:.0f}/s {row.fault} x{row.faulty}: lost {row.lost} of {row.requests},"
        f" p99 +{row.p99_added_ms} ms, recovery {row.recovery_s} s, {row.amplification} calls,"
        f" healed: first {row.first_after_heal_s} s, full {row.full_after_heal_s} s {row.errors}",
        flush=True,
    )


def main() -> None:
    chosen = arguments()
    scratch = ROOT / ".tools" / "bench"
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as name:
        folder = Path(name)
        with Children(folder / "logs") as children:
            rows = run(chosen, children, folder)
    kept = json.loads(chosen.out.read_text())["rows"] if chosen.add else []
    results = {
        "rows": [*kept, *(asdict(row) for row in rows)],
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "versions": versions(chosen.targets.split(",")),
        "fault_s": chosen.fault_s,
    }
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(json.dumps(results, indent=1) + "\n")
    if not chosen.no_page:
        write_page(results)


if __name__ == "__main__":
    main()
