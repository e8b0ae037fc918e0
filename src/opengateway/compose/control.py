"""The control process: keys, configuration, the settler and the pages; one event loop.

    python -m opengateway.compose.control --zone FILE

It alone opens the control store. It may be killed at any time: commits survive, and whoever was
waiting for an answer asks again.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import msgspec
from fastapi import FastAPI

from opengateway.compose.paths import Paths
from opengateway.compose.secrets import PEPPER_VERSION, ensure_secrets, load_secrets
from opengateway.compose.zone import Zone, load_zone, snapshot_of
from opengateway.control.changes.feed import ChangeFeed
from opengateway.control.changes.repository import ChangeRepository
from opengateway.control.scope import ControlScope, Pepper
from opengateway.control.snapshots.board import SignedSnapshot, SnapshotBoard
from opengateway.domain.errors import OperatorError
from opengateway.http.control_app import new_control_app
from opengateway.http.internal_app import ControlParts, new_internal_app
from opengateway.http.server import new_server
from opengateway.infra.database import AsyncSession, Database, migrate, sqlite_url
from opengateway.infra.event_log.sqlite import SqlEventLog
from opengateway.kit import log
from opengateway.kit.clock import SystemClock
from opengateway.kit.ids import IdSource
from opengateway.kit.signing import sign

_DRAIN_S: Final = 5.0
_BACKLOG: Final = 256


@dataclass(frozen=True, slots=True)
class ControlSettings:
    """What a control process is told. `snapshot` compiles and signs the zone's configuration."""

    zone: str
    paths: Paths
    database_url: str
    pepper: Pepper
    snapshot: Callable[[], SignedSnapshot]


@dataclass(frozen=True, slots=True)
class ControlHouse:
    """A control plane that is put together, served or not."""

    parts: ControlParts
    internal_app: FastAPI
    public_app: FastAPI


def main(argv: list[str] | None = None) -> int:
    """Run control until SIGTERM. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="opengateway-control")
    parser.add_argument("--zone", type=Path, required=True)
    arguments = parser.parse_args(argv)
    writer = log.configure("control")
    try:
        _run(run_control(settings_of(arguments.zone)))
    except OperatorError as error:
        print(error.message, file=sys.stderr)  # noqa: T201 - before anything runs, to a person
        return 1
    finally:
        writer.close()
    return 0


def _run(work: Coroutine[Any, Any, None]) -> None:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


def settings_of(zone_path: Path) -> ControlSettings:
    """The settings that a zone file says; makes the zone's folders and secrets where missing.

    Raises `OperatorError`.
    """
    zone = load_zone(zone_path, os.environ)
    paths = Paths(zone.home)
    paths.prepare()
    ensure_secrets(paths)
    secrets = load_secrets(paths)
    return ControlSettings(
        zone=zone.name,
        paths=paths,
        database_url=sqlite_url(str(paths.control_db)),
        pepper=Pepper(PEPPER_VERSION, secrets.peppers[PEPPER_VERSION]),
        snapshot=partial(signed_snapshot, zone, secrets.snapshot_private_key),
    )


def signed_snapshot(zone: Zone, private_key: str) -> SignedSnapshot:
    """Compile what the zone serves, and sign it. Raises `OperatorError`."""
    snapshot = snapshot_of(zone, SystemClock().now_ns())
    return SignedSnapshot(snapshot.version, sign(msgspec.json.encode(snapshot), private_key))


@asynccontextmanager
async def open_control(settings: ControlSettings) -> AsyncIterator[ControlHouse]:
    """Put control together on its store, migrated; the only one of its home.

    `run_control` serves it; the CLI may use its `internal_app` while no control process runs.
    Raises `OperatorError`.
    """
    clock = SystemClock()
    new_id = IdSource(clock)
    with _alone(settings.paths):
        await migrate(settings.database_url)
        database = Database(settings.database_url)
        try:
            async with database.read() as session:
                newest = await ChangeRepository(session).newest()

            def new_scope(
                session: AsyncSession, after_commit: Callable[[Callable[[], None]], None]
            ) -> ControlScope:
                return ControlScope(
                    session=session,
                    event_log=SqlEventLog(session),
                    clock=clock,
                    new_id=new_id,
                    pepper=settings.pepper,
                    zone=settings.zone,
                    after_commit=after_commit,
                )

            parts = ControlParts(
                database=database,
                new_scope=new_scope,
                new_id=new_id,
                feed=ChangeFeed(newest, clock),
                board=SnapshotBoard(settings.snapshot(), clock),
                zone=settings.zone,
                started_at_ns=clock.now_ns(),
            )
            assets = Path(str(files("opengateway"))) / "assets"
            yield ControlHouse(parts, new_internal_app(parts), new_control_app(parts, assets))
        finally:
            await database.close()


async def run_control(settings: ControlSettings) -> None:
    """Serve both apps on their sockets until SIGTERM or SIGINT, then drain. Raises `OperatorError`."""
    logger = log.get_logger("control")
    async with open_control(settings) as house:
        apps = (
            (house.internal_app, settings.paths.internal_socket),
            (house.public_app, settings.paths.control_socket),
        )
        # Neither owns the signals: one signal stops both.
        servers = [new_server(app, drain_s=_DRAIN_S, owns_signals=False) for app, _ in apps]

        def stop() -> None:
            house.parts.stop_waiting()
            for server in servers:
                server.should_exit = True

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)
        with _listen(apps[0][1]) as internal, _listen(apps[1][1]) as public:
            logger.info("control serves", zone=settings.zone)
            running = [
                asyncio.create_task(server.serve(sockets=[listener]))
                for server, listener in zip(servers, (internal, public), strict=True)
            ]
            # One that ends without a signal has failed: then the other must not go on alone.
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            stop()
            await asyncio.gather(*running)
    logger.info("control stopped")


@contextmanager
def _alone(paths: Paths) -> Iterator[None]:
    """Hold the home's control lock; the kernel releases it however this process ends."""
    paths.control_db.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(paths.control_db.with_name("lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OperatorError(
                f"another control process runs in {str(paths.home)!r}; stop it first"
            ) from None
        yield
    finally:
        os.close(handle)


@contextmanager
def _listen(path: Path) -> Iterator[socket.socket]:
    """A listening Unix socket that only this user can connect to."""
    path.unlink(missing_ok=True)  # of a process that was killed; ours is the only one (`_alone`)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        before = os.umask(0o177)  # so that it is closed to others from its first moment
        try:
            listener.bind(str(path))
        except OSError as error:
            raise OperatorError(f"cannot listen on {path}: {error.strerror or error}") from None
        finally:
            os.umask(before)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
        yield listener
    finally:
        listener.close()
        with suppress(OSError):
            path.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
