"""The zone's product for the CLI: the one that runs, or one started for the length of a command."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from opengateway.compose.listening import GREETING
from opengateway.compose.local_http import ask_unix
from opengateway.compose.paths import Paths
from opengateway.compose.remote_control import control_answers
from opengateway.compose.zone import load_zone
from opengateway.domain.errors import OperatorError
from opengateway.infra.control_client import ControlClient

_TRIES: Final = 600
_PAUSE_S: Final = 0.1
_STOP_S: Final = 30.0


@asynccontextmanager
async def product_of(zone_file: Path) -> AsyncIterator[ControlClient]:
    """A client of the control of a product whose gateway serves. Raises `OperatorError`."""
    zone = load_zone(zone_file, os.environ)
    paths = Paths(zone.home)
    client = ControlClient(paths.internal_socket)
    process: asyncio.subprocess.Process | None = None
    try:
        if not await _serves(client, paths):
            process = await _start(zone_file)
            await _wait_for(client, paths, process)
        yield client
    finally:
        await client.aclose()
        if process is not None and process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), _STOP_S)
            except TimeoutError:
                process.kill()
                await process.wait()


async def _start(zone_file: Path) -> asyncio.subprocess.Process:
    """On a port of its own: the zone's may be taken, and nobody else is to call."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "opengateway.cli.main", "serve", "--zone", str(zone_file)),
        *("--host", "127.0.0.1", "--port", "0"),
        env={**os.environ, GREETING: "off"},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )


async def _serves(client: ControlClient, paths: Paths) -> bool:
    """Both processes are there, and of one home."""
    if not await control_answers(client):
        return False
    try:
        status, _ = await ask_unix(paths.gateway_metrics_socket, "GET", "/metrics")
    except OSError:
        return False
    return status == 200


async def _wait_for(
    client: ControlClient, paths: Paths, process: asyncio.subprocess.Process
) -> None:
    for _ in range(_TRIES):
        if await _serves(client, paths):
            return
        if process.returncode is not None:
            raise OperatorError(
                "the product did not start; `opengateway serve` with this zone file says why"
            )
        await asyncio.sleep(_PAUSE_S)
    raise OperatorError(f"the product did not start within {_TRIES * _PAUSE_S:.0f} s")
