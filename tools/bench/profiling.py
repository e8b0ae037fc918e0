"""Where the gateway's time goes: py-spy beside the closed loop, folded into two tables."""

from __future__ import annotations

import subprocess
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path

from processes import environment
from targets import PEERS_ENV

_RATE_HZ = 400
_TOP = 32


class Profiler:
    """Samples one process from outside. It slows it by a quarter: no figure is taken meanwhile."""

    def __init__(self, folder: Path, seconds: float, *, native: bool) -> None:
        self._out = folder / "stacks.txt"
        self._seconds = seconds
        self._native = native
        self._process: subprocess.Popen[bytes] | None = None
        self._threads: dict[int, tuple[float, float]] = {}

    def attach(self, pid: int) -> None:
        before = thread_seconds(pid)

        def look() -> None:
            after = thread_seconds(pid)
            for tid, (ran, waited) in after.items():
                then = before.get(tid, (0.0, 0.0))
                self._threads[tid] = (ran - then[0], waited - then[1])

        threading.Timer(self._seconds, look).start()
        command = [str(PEERS_ENV / "bin" / "py-spy"), "record", "--pid", str(pid)]
        command += ["--rate", str(_RATE_HZ), "--duration", str(int(self._seconds))]
        command += ["--format", "raw", "--output", str(self._out), "--full-filenames", "--threads"]
        command += ["--native"] if self._native else []
        self._process = subprocess.Popen(
            command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )

    def report(self) -> str:
        assert self._process is not None
        _, said = self._process.communicate(timeout=60)
        if not self._out.exists():
            return f"py-spy could not look: {said.decode(errors='replace')[-400:]}"
        told = [f"  {r:6.2f} s  {w:6.2f} s  thread {tid}" for tid, (r, w) in self._threads.items()]
        head = [f"on a core, and waiting for one, in {self._seconds:.0f} s"]
        return "\n".join([*head, *told, "", report(self._out.read_text())])

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def thread_seconds(pid: int) -> dict[int, tuple[float, float]]:
    """Seconds that each thread ran, and that it waited for a core, since it began.

    From the scheduler: `/proc/PID/task/TID/schedstat`, in nanoseconds. The sampler itself cannot
    say it: to py-spy a thread that waits may look as if it ran.
    """
    found: dict[int, tuple[float, float]] = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):
            ran, waited, _ = (task / "schedstat").read_text().split()
            found[int(task.name)] = (int(ran) / 1e9, int(waited) / 1e9)
    return found


def report(stacks: str) -> str:
    """From py-spy's raw lines, `thread;frame;frame count`, outermost first."""
    threads: Counter[str] = Counter()
    parts: Counter[str] = Counter()
    alone: Counter[str] = Counter()
    within: Counter[str] = Counter()
    lines: Counter[str] = Counter()
    for line in stacks.splitlines():
        stack, _, text = line.rpartition(" ")
        thread, *frames = stack.split(";")
        count = int(text)
        threads[thread.strip('"')] += count
        if "MainThread" not in thread or not frames:
            continue
        names = [_function(frame) for frame in frames]
        parts[_part(names[-1])] += count
        alone[names[-1]] += count
        lines[_shortened(frames[-1])] += count
        within.update(dict.fromkeys(set(names), count))
    total, main = sum(threads.values()), sum(alone.values())
    if not main:
        return "py-spy saw nothing run"
    return "\n".join(
        [
            f"{total} samples of threads that ran, {main} of them the event loop's",
            *_table("by thread", threads, total),
            *_table("the event loop: by part, itself", parts, main),
            *_table("the event loop: itself", alone, main),
            *_table("the event loop: with what it calls", within, main),
            *_table("the event loop: lines", lines, main),
        ]
    )


def _part(function: str) -> str:
    """`opengateway/gateway`, `aiohttp`, `asyncio`: what stands before a function's file."""
    path = function.rpartition(" (")[2].strip(")").split("/")
    return "/".join(path[: 2 if path[0] in ("opengateway", "uvicorn") else -1][:2]) or path[0]


def _table(title: str, counts: Counter[str], total: int) -> list[str]:
    rows = [f"  {count / total:6.1%}  {name}" for name, count in counts.most_common(_TOP)]
    return ["", title, *rows]


def _shortened(frame: str) -> str:
    name, _, place = frame.rpartition(" (")
    for marker in ("/site-packages/", "/src/", "/lib/"):
        if marker in place:
            place = place.rpartition(marker)[2]
    return f"{name} ({place}" if name else frame


def _function(frame: str) -> str:
    """`name (file)`, without the line."""
    short = _shortened(frame)
    if short.endswith(")") and ":" in short:
        return short.rpartition(":")[0] + ")"
    return short
