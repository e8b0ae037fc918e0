"""One target, once through all phases: started, warmed, loaded in four ways, and ended."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from load import Phase
from processes import ROOT, Children, command_line, cpu_ns, environment, rss_mb, tail, tree
from product import TRANSLATED
from targets import CHAT, Target

Row = dict[str, Any]
LOADER = ROOT / "tools" / "bench" / "load.py"
START_S = 60.0
IDLE_S = 2.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Seconds of each phase, and rates in requests a second."""

    warm_s: float = 2.0
    closed_s: float = 5.0
    open_s: float = 10.0
    stream_s: float = 6.0
    rate: float = 200.0
    slow_rate: float = 40.0
    stream_rate: float = 10.0
    connections: int = 32


QUICK = Plan(warm_s=1.0, closed_s=3.0, open_s=4.0, stream_s=3.0)


class Void(Exception):
    """The run says nothing: replies were lost, or are not in the log."""


@dataclass(slots=True)
class Usage:
    """CPU seconds by part of the target."""

    gateway: float = 0.0
    control: float = 0.0
    parent: float = 0.0

    @property
    def whole(self) -> float:
        return self.gateway + self.control + self.parent


def part_of(pid: int) -> str:
    command = command_line(pid)
    if "opengateway.compose.control" in command:
        return "control"
    return "parent" if "opengateway serve" in command else "gateway"


@dataclass(slots=True)
class Running:
    """A target that answers, and its processes."""

    target: Target
    pids: list[int] = field(default_factory=list)

    def usage(self) -> Usage:
        found = Usage()
        for pid in self.pids:
            part = part_of(pid)
            try:
                setattr(found, part, getattr(found, part) + cpu_ns(pid) / 1e9)
            except OSError:
                raise Void(f"a process of {self.target.name} has ended in the middle") from None
        return found

    def gateway_pids(self) -> list[int]:
        return self.pids_of("gateway")

    def pids_of(self, part: str) -> list[int]:
        return [pid for pid in self.pids if part_of(pid) == part]


class Round:
    """The phases of one target in one round. Fills `row`."""

    def __init__(self, children: Children, target: Target, number: int, plan: Plan) -> None:
        self.row: Row = {"target": target.name, "round": number}
        self._children = children
        self._target = target
        self._number = number
        self._plan = plan

    def run(self, on_closed: Callable[[Running], None] | None = None) -> Row:
        """`on_closed` is called when the closed loop begins."""
        target, process = self._target, None
        running = Running(target)
        began = time.monotonic()
        if target.command is not None:
            if target.alone is not None:
                self._start_alone(target.alone)
            process, self.row["cold_start_whole_s"] = self._start(target.command, target.port)
            self.row.setdefault("cold_start_s", self.row["cold_start_whole_s"])
            running.pids = tree(process.pid)
            before = running.usage()
            time.sleep(IDLE_S)
            self.row["cpu_idle_ms_per_s"] = (running.usage().whole - before.whole) / IDLE_S * 1e3
            self.row["rss_idle_mb"] = rss_mb(running.gateway_pids())
            self.row["rss_tree_idle_mb"] = rss_mb(running.pids)
        try:
            self._phases(running, on_closed)
        finally:
            if process is not None:
                self._children.stop(process)
        self.row["seconds"] = time.monotonic() - began
        return self.row

    def _phases(self, running: Running, on_closed: Callable[[Running], None] | None) -> None:
        plan = self._plan
        self._load("closed", plan.warm_s, connections=8, seed=99)
        if on_closed is not None:
            on_closed(running)
        self._closed(running)
        if not self._target.slow:
            self._open("", plan.rate)
        self._open("_at_slow_rate", plan.slow_rate)
        self._streams(running, "")
        if self._target.product is not None:
            self._streams(running, "_translated")
        if running.pids:
            self.row["rss_loaded_mb"] = rss_mb(running.gateway_pids())
            self.row["rss_tree_loaded_mb"] = rss_mb(running.pids)

    # --- phases ----------------------------------------------------------------------------------

    def _closed(self, running: Running) -> None:
        plan, row = self._plan, self.row
        used, result = self._metered(running, "closed", plan.closed_s, connections=plan.connections)
        count = max(1, result["replies"])
        row["rps"] = result["rps"]
        row["closed_latency_ms"] = result["latency_ms"]
        row["closed_histogram_us"] = result["histogram_us"]
        if running.pids:
            row["cpu_us_per_request"] = used.whole / count * 1e6
            row["cpu_us_per_request_gateway"] = used.gateway / count * 1e6
            row["cpu_us_per_request_control"] = used.control / count * 1e6
            row["cpu_us_per_request_parent"] = used.parent / count * 1e6

    def _open(self, suffix: str, rate: float) -> None:
        result = self._load("open", self._plan.open_s, rate=rate)
        for name in ("p50", "p99"):
            self.row[f"{name}_ms{suffix}"] = result["latency_ms"].get(name)
        self.row[f"late_ms{suffix}"] = result["late_ms"]

    def _streams(self, running: Running, suffix: str) -> None:
        plan, row = self._plan, self.row
        models = (TRANSLATED,) if suffix else self._target.models
        used, result = self._metered(
            running, "open", plan.stream_s, rate=plan.stream_rate, stream=True, models=list(models)
        )
        if running.pids:
            row[f"cpu_us_per_event{suffix}"] = used.whole / max(1, result["events"]) * 1e6
            row[f"cpu_us_per_event_gateway{suffix}"] = used.gateway / max(1, result["events"]) * 1e6
        row[f"ttft_p50_ms{suffix}"] = result["first_byte_ms"].get("p50")

    def _metered(
        self, running: Running, mode: str, seconds: float, **more: Any
    ) -> tuple[Usage, dict[str, Any]]:
        """A phase, and the CPU it took of the target up to the last row in the product's log."""
        self._settle()
        before = running.usage()
        result = self._load(mode, seconds, **more)
        settled_s = self._settle()
        after = running.usage()
        if settled_s > 0.2:
            self.row["settled_after_s"] = max(settled_s, self.row.get("settled_after_s", 0.0))
        return (
            Usage(
                after.gateway - before.gateway,
                after.control - before.control,
                after.parent - before.parent,
            ),
            result,
        )

    def _load(self, mode: str, seconds: float, **more: Any) -> dict[str, Any]:
        target = self._target
        given = {"connections": 8, "models": list(target.models), "seed": self._number, **more}
        phase = Phase(
            port=target.port,
            path=CHAT,
            headers=dict(target.headers),
            secrets=list(target.secrets),
            mode=mode,
            seconds=seconds,
            **given,
        )
        done = subprocess.run(
            [sys.executable, str(LOADER)],
            input=json.dumps(asdict(phase)).encode(),
            capture_output=True,
            timeout=seconds + 90,
            check=False,
            env=environment(),
        )
        if done.returncode:
            raise Void(f"{target.name}: the loader failed: {done.stderr.decode()[-600:]}")
        result: dict[str, Any] = json.loads(done.stdout)
        self._count(result["replies"])
        faults = result["sent"] - result["good"]
        if faults:
            told = f"{target.name}, {mode}: {faults} of {result['sent']} requests were not"
            raise Void(f"{told} answered well: {result['statuses']} {result['sample']}")
        return result

    def _settle(self) -> float:
        product = self._target.product
        if product is None:
            return 0.0
        rows, seconds = product.settled(product.replied)
        if rows != product.replied:
            raise Void(f"{product.replied} replies were received, and the event log has {rows}")
        return seconds

    def _count(self, replies: int) -> None:
        if self._target.product is not None:
            self._target.product.replied += replies

    # --- starting --------------------------------------------------------------------------------

    def _start_alone(self, command: Any) -> None:
        """The process that holds the port, by itself: its cold start. Killed; its journal stays,
        and is settled by the start after this one. Where requests are charged it has nothing to hold
        without control: there the first answer is the list of models."""
        port = int(command[-1])
        product = self._target.product
        ask = self._lists if product is not None and product.kind.spends else self._answers
        process, self.row["cold_start_s"] = self._start(command, port, ask)
        self._children.stop(process, grace_s=0.0)

    def _start(
        self, command: Any, port: int, ask: Callable[[int], bool] | None = None
    ) -> tuple[subprocess.Popen[bytes], float]:
        """Start, and ask until the first good answer. The seconds from exec to it."""
        target = self._target
        began = time.monotonic()
        process = self._children.start(target.name, command, target.env)
        while not (ask or self._answers)(port):
            if process.poll() is not None or time.monotonic() - began > START_S:
                said = tail(self._children.logs / f"{target.name}.log")
                raise Void(f"{target.name} did not start:\n{said}")
            time.sleep(0.005)
        return process, time.monotonic() - began

    def _lists(self, port: int, path: str = "/v1/models") -> bool:
        headers = {"authorization": f"Bearer {self._target.secrets[0]}"}
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
        try:
            with _OPENER.open(request, timeout=START_S) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.HTTPError):
            return False

    def _answers(self, port: int) -> bool:
        target = self._target
        base = f"http://127.0.0.1:{port}"
        body = {"model": target.models[0], "messages": [{"role": "user", "content": "Hello"}]}
        request = urllib.request.Request(
            base + CHAT,
            data=json.dumps(body).encode(),
            headers={
                "content-type": "application/json",
                "authorization": f"Bearer {target.secrets[0]}",
                **target.headers,
            },
        )
        try:
            if target.product is not None:  # a refusal would be in its log, and no reply of ours
                _OPENER.open(base + "/readyz", timeout=START_S).close()
                # What a key has left is control's to say: without it nothing can be charged yet.
                if target.product.kind.spends and not self._lists(port, "/v1/key"):
                    return False
            with _OPENER.open(request, timeout=START_S) as answer:
                answer.read()
                self._count(1)
                return bool(answer.status == 200)
        except (OSError, urllib.error.HTTPError):
            return False


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
