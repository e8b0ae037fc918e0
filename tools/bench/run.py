"""`make bench`: the gateway and its peers in one run, against the same upstream.

    python tools/bench/run.py [--rounds 3] [--targets opengateway,portkey] [--quick] [--profile]
        [--stores embedded,servers] [--spending on,off]

`--stores` measures the gateway on PostgreSQL and Valkey beside the embedded stores, `--spending` with
billing off and keys without limits beside as it is: what holds, limits and budgets cost.

Each round goes through all targets, in the opposite order of the round before, so that what drifts
on the machine meets all alike. Exits 1 when the run is void: a reply was wrong or lost, or the
event log does not have a row for each reply.
"""

from __future__ import annotations

import argparse
import datetime
import json
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import goals
import results
from page import write_page
from phases import QUICK, Plan, Round, Void
from processes import ROOT, Children, alone, environment, free_port, is_open, tail
from product import KEYS, MODELS, PLACES, SHIPPED, Kind, Product
from profiling import Profiler
from targets import Target, direct, litellm, missing, nginx, opengateway, portkey, versions

import stores

UPSTREAM = ROOT / "tools" / "bench" / "upstream.py"
SCRATCH = ROOT / ".tools" / "bench"
LASTING_PORT = 18_734
PATIENCE_S = 1_200.0
ALL = ("direct", "opengateway", "unbilled", "servers", "portkey", "litellm", "nginx")
PEERS = {"portkey", "litellm", "nginx"}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, choices=range(1, 21), metavar="1-20")
    parser.add_argument("--targets", help="names, with commas between; all, if not given")
    parser.add_argument("--stores", default="embedded", choices=("embedded", "embedded,servers"))
    parser.add_argument("--spending", default="on", choices=("on", "on,off"))
    parser.add_argument(
        "--quick",
        action="store_true",
        help="short rounds, one of the gateway if not said otherwise",
    )
    parser.add_argument(
        "--profile",
        nargs="?",
        const="gateway",
        choices=("gateway", "control", "parent"),
        help="where the time of one of the gateway's processes goes",
    )
    parser.add_argument("--native", action="store_true", help="with --profile: C frames too")
    parser.add_argument("--keys", type=int, default=KEYS, choices=range(1, KEYS + 1), metavar="N")
    parser.add_argument("--no-page", action="store_true", help="leave the docs page as it is")
    chosen = parser.parse_args()
    short = chosen.quick or chosen.profile
    chosen.rounds = chosen.rounds or (1 if short else 3)
    names = (chosen.targets or ("opengateway" if short else ",".join(ALL))).split(",")
    names += ["unbilled"] * ("off" in chosen.spending) + ["servers"] * ("servers" in chosen.stores)
    if unknown := set(names) - set(ALL):
        parser.error(f"no such target: {', '.join(sorted(unknown))}; there are {', '.join(ALL)}")
    chosen.targets = [name for name in ALL if name in names or name == "direct"]
    return chosen


class Bench:
    """One run. `folder` holds the product's home, logs and whatever else is made."""

    def __init__(
        self,
        chosen: argparse.Namespace,
        folder: Path,
        children: Children,
        stores: Mapping[str, str],
    ) -> None:
        self._stores = stores
        self._chosen = chosen
        self._folder = folder
        self._children = children
        self._plan = QUICK if chosen.quick else Plan()
        self._again = bool(chosen.quick or chosen.profile)
        # A home that is used again knows its providers by this port.
        self._upstream_port = LASTING_PORT if self._again else free_port()

    def run(self) -> list[dict[str, Any]]:
        self._start_upstream()
        targets = self._targets()
        rows: list[dict[str, Any]] = []
        for number in range(1, self._chosen.rounds + 1):
            for target in targets if number % 2 else targets[::-1]:
                row = Round(self._children, target, number, self._plan).run()
                rows.append(row)
                say(f"round {number}  {target.name}: {row['seconds']:.0f} s, {summary(row)}")
        return results.complete(rows)

    def profile(self) -> str:
        """A closed loop of 12 s with a sampler beside it."""
        self._start_upstream()
        plan = Plan(warm_s=2.0, closed_s=12.0, open_s=0.5, stream_s=0.5)
        profiler = Profiler(self._folder, 10, native=self._chosen.native)
        target = self._gateway()
        try:
            part = self._chosen.profile
            row = Round(self._children, target, 1, plan).run(
                lambda running: profiler.attach(running.pids_of(part)[0])
            )
            say(f"sampled at {row['rps']:,.0f} requests/s: {summary(row)}")
            return profiler.report()
        finally:
            profiler.stop()

    def _start_upstream(self) -> None:
        port = self._upstream_port
        command = [sys.executable, str(UPSTREAM), "--port", str(port)]
        process = self._children.start("upstream", command, environment())
        while not is_open(port):
            if process.poll() is not None:
                raise Void(
                    "the upstream did not start: " + tail(self._children.logs / "upstream.log")
                )
            time.sleep(0.02)

    def _gateway(self, kind: Kind = SHIPPED) -> Target:
        """A new home; for `--quick` and `--profile` the one that the last such run has left, but for
        servers: they are new."""
        keys = self._chosen.keys
        lasts = self._again and not kind.stores
        lasting = (SCRATCH if lasts else self._folder) / f"home-{keys}-{kind.name}"
        lasting.mkdir(parents=True, exist_ok=True)
        product = Product(lasting, self._upstream_port, kind)
        kept = lasting / "keys.json"
        if lasts and product.find_keys(self._children, kept):
            say(f"{keys:,} keys of an earlier run; its log has {product.replied:,} rows")
        else:
            product.make_keys(self._children, keys)
            kept.write_text(json.dumps(product.secrets))
            say(f"{kind.name}: {keys:,} keys made, {product.keys_per_s:,.0f} a second")
        return opengateway(product, free_port(), free_port())

    def _targets(self) -> list[Target]:
        found: list[Target | None] = []
        for name in self._chosen.targets:
            match name:
                case "direct":
                    found.append(direct(self._upstream_port))
                case "opengateway":
                    found.append(self._gateway())
                case "unbilled":
                    found.append(self._gateway(Kind("unbilled", spends=False)))
                case "servers":
                    found.append(self._gateway(Kind("servers", stores=self._stores)))
                case "portkey":
                    found.append(portkey(self._upstream_port, free_port()))
                case "litellm":
                    found.append(litellm(self._upstream_port, free_port()))
                case "nginx":
                    found.append(nginx(self._upstream_port, free_port(), self._folder / "nginx"))
        return [target for target in found if target is not None]


def say(text: str) -> None:
    print(text, flush=True)


def summary(row: dict[str, Any]) -> str:
    names = ("cpu_us_per_request", "rps", "p50_ms", "p99_ms", "cpu_us_per_event", "ttft_p50_ms")
    return ", ".join(f"{name} {goals.number(row[name])}" for name in names if row.get(name))


def document(rows: list[dict[str, Any]], chosen: argparse.Namespace) -> dict[str, Any]:
    plan = QUICK if chosen.quick else Plan()
    names = list(dict.fromkeys(row["target"] for row in rows))
    return {
        "measured_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": results.machine() | {"load_before": chosen.load_before},
        "versions": versions(names),
        "set_up": {
            "rounds": chosen.rounds,
            "keys": chosen.keys,
            "endpoints": MODELS * len(PLACES),
            "connections": plan.connections,
            "closed_s": plan.closed_s,
            "open_s": plan.open_s,
            "rate": plan.rate,
            "slow_rate": plan.slow_rate,
            "stream_rate": plan.stream_rate,
            "stream_s": plan.stream_s,
        },
        "medians": (found := results.medians(rows)),
        "spending": goals.spending(found),
        "rows": [row for row in rows if row["target"] != "direct"],
        "direct": [row for row in rows if row["target"] == "direct"],
    }


def show(measured: dict[str, Any]) -> None:
    found = measured["medians"]
    rounds = measured["set_up"]["rounds"]
    say(f"\nmedians of {rounds} round{'s' if rounds > 1 else ''}; the whole tree's CPU counts\n")
    say(goals.as_text(goals.figure_head(), goals.figures(found)))
    say("\nour CPU us/request by process\n")
    say(goals.as_text(("process", "us"), goals.own_parts(found)))
    if lines := goals.spending_verdicts(found):
        about = measured["machine"]
        say(f"\nmoney and stores, on {about['cores']} cores at a load of {about['load_before']}\n")
        say(goals.as_text(goals.SPENDING_HEAD, lines))
    if lines := goals.verdicts(found):
        say("")
        say(goals.as_text(goals.GOAL_HEAD, lines))


def main() -> int:
    chosen = arguments()
    chosen.load_before = results.machine()["load_before"]
    if absent := missing(chosen.targets, profile=bool(chosen.profile)):
        say(f"not set up: {', '.join(absent)}; run `make bench`")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    SCRATCH.mkdir(parents=True, exist_ok=True)
    with (
        alone(SCRATCH, PATIENCE_S),
        tempfile.TemporaryDirectory(dir=SCRATCH, prefix="run-") as name,
        Children(Path(name) / "logs") as children,
        stores.running() if "servers" in chosen.targets else nullcontext({}) as urls,
    ):
        bench = Bench(chosen, Path(name), children, urls)
        try:
            if chosen.profile:
                say(bench.profile())
                return 0
            measured = document(bench.run(), chosen)
        except Void as void:
            say(f"\nvoid: {void}")
            say(tail(children.logs / "opengateway.log"))
            return 1
        except KeyboardInterrupt:
            say("\nstopped")
            return 130
    show(measured)
    if chosen.quick or not PEERS.intersection(chosen.targets):
        # No comparison, and so none of the results that the docs page is made of.
        kept = SCRATCH / "results" if chosen.quick else results.FOLDER / "spending"
        say(f"\nwritten to {results.save(measured, kept).relative_to(ROOT)}")
    else:
        say(f"\nwritten to {results.save(measured).relative_to(ROOT)}")
        if not chosen.no_page:
            say(f"and {write_page().relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
