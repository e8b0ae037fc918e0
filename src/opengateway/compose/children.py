"""The parent's children: started, watched, started again, and stopped in order."""

from __future__ import annotations

import asyncio
import ctypes
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from opengateway.kit.clock import Clock

_BACKOFF_S = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0)
_STEADY_S = 2.0
"""A child that ran this long had come up: it starts again at once. Only one that dies while it
starts is given more and more time."""

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """A module run with `python -m`, with file descriptors that it inherits."""

    name: str
    module: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    inherited: Sequence[int] = ()


class Child:
    """One child process, kept alive until `stop`."""

    def __init__(self, spec: ChildSpec, clock: Clock, tell: Callable[[str, str], None]) -> None:
        self.spec = spec
        self.restarts = 0
        self._clock = clock
        self._tell = tell
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def is_up(self) -> bool:
        return self._process is not None and self._process.returncode is None

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep(), name=self.spec.name)

    async def _keep(self) -> None:
        failures = 0
        while not self._stopping:
            began = self._clock.monotonic()
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                self.spec.module,
                *self.spec.arguments,
                env=dict(self.spec.environment),
                pass_fds=tuple(self.spec.inherited),
                start_new_session=True,  # Ctrl-C goes to the parent, which stops us in order
                preexec_fn=_die_with_parent,
            )
            code = await self._process.wait()
            if self._is_stopping():
                return
            steady = self._clock.monotonic() - began >= _STEADY_S
            failures = 0 if steady else failures + 1
            self._tell("child_exited", f"{self.spec.name} with {code}")
            await asyncio.sleep(_BACKOFF_S[min(max(failures - 1, 0), len(_BACKOFF_S) - 1)])
            self.restarts += 1

    async def stop(self, timeout_s: float) -> None:
        """SIGTERM, then SIGKILL after `timeout_s`."""
        self._stopping = True
        process = self._process
        if process is not None and process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), timeout_s)
            except TimeoutError:
                self._tell("child_killed", f"{self.spec.name} did not stop in {timeout_s:.0f} s")
                process.kill()
                await process.wait()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _is_stopping(self) -> bool:
        return self._stopping

    def kill(self) -> None:
        if self.is_up and self._process is not None:
            self._process.kill()


def _die_with_parent() -> None:
    """Runs in the child before exec: SIGTERM comes if the parent dies (prctl(2))."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
