"""Control for the CLI: the one that runs, or one started for the length of a command."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from opengateway.compose.paths import Paths
from opengateway.compose.secrets import ensure_secrets
from opengateway.compose.zone import load_zone
from opengateway.domain.errors import OperatorError
from opengateway.infra.control_client import ControlClient
from opengateway.infra.journal.shipper import ControlUnreachable

_START_S = 60.0


@asynccontextmanager
async def control_of(zone_file: Path) -> AsyncIterator[ControlClient]:
    """A client of the zone's control. Raises `OperatorError` when there is none to be had."""
    zone = load_zone(zone_file, os.environ)
    paths = Paths(zone.home)
    try:
        paths.prepare()
        ensure_secrets(paths)
    except OSError as error:
        raise OperatorError(f"home {str(zone.home)!r} cannot be used: {error}") from None
    client = ControlClient(paths.internal_socket)
    process: asyncio.subprocess.Process | None = None
    try:
        if not await control_answers(client):
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "opengateway.compose.control",
                "--zone",
                str(zone_file),
                stderr=asyncio.subprocess.PIPE,
            )
            await _wait_for(client, process)
        yield client
    finally:
        await client.aclose()
        if process is not None and process.returncode is None:
            process.send_signal(signal.SIGTERM)
            await process.communicate()


async def control_answers(client: ControlClient) -> bool:
    try:
        status, _, _ = await client.call("GET", "/status")
    except ControlUnreachable:
        return False
    return status == 200


async def _wait_for(client: ControlClient, process: asyncio.subprocess.Process) -> None:
    try:
        async with asyncio.timeout(_START_S):
            while not await control_answers(client):
                if process.returncode is not None:
                    assert process.stderr is not None
                    last = (await process.stderr.read())[-2000:].decode(errors="replace").strip()
                    raise OperatorError(f"control did not start: {last.splitlines()[-1:]}")
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise OperatorError(f"control did not start within {_START_S:.0f} s") from None
