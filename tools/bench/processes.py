"""Starting what is measured, reading what it costs, and ending all of it.

CPU time is the kernel's own sum of user and system time of a process with all its threads, read
from the process's CPU clock in nanoseconds: `/proc/PID/stat` says the same in steps of 10 ms, which
is too coarse for phases of some seconds. Which processes belong together comes from `/proc`.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parents[2]
_PR_SET_PDEATHSIG = 1
_CPUCLOCK_SCHED = 2
"""Kernel, include/linux/posix-timers.h: `(~pid << 3) | 2` is the CPU clock of a whole process."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def environment(**more: str) -> dict[str, str]:
    """A small environment: nothing of the host's proxies, keys or Python settings leaks in."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "USER")
    return {name: os.environ[name] for name in kept if name in os.environ} | more


def parents() -> dict[int, int]:
    """Parent's id by process id."""
    found: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with suppress(OSError, ValueError):
                stat = Path(f"/proc/{entry}/stat").read_text()
                found[int(entry)] = int(stat.rpartition(")")[2].split()[1])
    return found


def tree(root: int) -> list[int]:
    """`root` and all that descends from it, oldest generation first."""
    of = parents()
    found = [root]
    for pid in found:
        found.extend(child for child, parent in of.items() if parent == pid)
    return found


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def cpu_ns(pid: int) -> int:
    """User and system time of a process so far. Raises `OSError` when it is gone."""
    return time.clock_gettime_ns((~pid << 3) | _CPUCLOCK_SCHED)


def rss_mb(pids: Iterable[int]) -> float:
    """Resident memory of the processes together, in 10^6 bytes."""
    total = 0
    for pid in pids:
        with suppress(OSError):
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    total += int(line.split()[1]) * 1024
    return total / 1e6


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@contextmanager
def alone(folder: Path, patience_s: float) -> Iterator[None]:
    """Within it no other bench runs in this checkout: two would measure each other.

    Raises `SystemExit` when the other one has not ended after `patience_s`.
    """
    with (folder / "lock").open("w") as file:
        until = time.monotonic() + patience_s
        told = False
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            if time.monotonic() > until:
                raise SystemExit("another bench runs in this checkout; try again when it has ended")
            if not told:
                print("another bench runs; waiting for its end", flush=True)
                told = True
            time.sleep(0.5)
        yield


class Children:
    """Processes that end with the block, whatever ends it. Their output goes to files in `logs`."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self._running: list[subprocess.Popen[bytes]] = []
        logs.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in list(self._running):
            self.stop(process, grace_s=0.0)

    def start(
        self,
        name: str,
        command: Sequence[str],
        env: Mapping[str, str],
        cwd: Path | None = None,
    ) -> subprocess.Popen[bytes]:
        with (self.logs / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                list(command),
                env=dict(env),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for us; we end the children in order
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - there are no threads here
            )
        self._running.append(process)
        return process

    def stop(self, process: subprocess.Popen[bytes], *, grace_s: float = 20.0) -> None:
        """SIGTERM to the first process, then SIGKILL to each that is left of its tree, by its id."""
        whole = tree(process.pid)
        if process.poll() is None and grace_s:
            process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(grace_s)
        ours = set(whole) | set(tree(process.pid)) if process.poll() is None else set(whole)
        for pid in ours - {process.pid}:
            # A child that outlived its parent is in a session of its own, but its id is known.
            if command_line(pid):
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
        if process.poll() is None:
            process.kill()
        process.wait()
        if process in self._running:
            self._running.remove(process)


def tail(path: Path, lines: int = 15) -> str:
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
