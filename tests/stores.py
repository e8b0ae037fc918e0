"""Real stores for tests. Fixtures, known everywhere (`tests/conftest.py`); started when first asked for.

    async def test_keys_outlive_a_restart(store_url: str) -> None:      # runs on SQLite and PostgreSQL
        database = Database(store_url)

- `store_url`: a fresh control store at the newest schema; the test runs once for each kind.
- `postgres_url`: a fresh PostgreSQL database at the newest schema. `blank_postgres_url`: an empty one.
- `valkey_url`: a Valkey database with nothing in it, this worker's own. Its scripts, functions and
  channels are the server's: name channels by something random.
- `own_postgres`, `own_valkey`: a server of the test's own, to stop, freeze (`os.kill(server.pid,
  SIGSTOP)`) and start again. They cost 0.8 s and 0.1 s.
- `chromium`: a headless browser. Ask for it before playwright is started, then
  `playwright.chromium.launch(**chromium.launch_options)`.

One server of a kind for a test run, under xdist too. The first worker that needs it makes the folder
/tmp/ogt-RUN-KIND and starts a keeper there (`store_servers.py`); each user holds a lock in it. A fresh
database is a clone of a migrated template: 30 ms, dropped after the test.

An installed one is used where the environment names it: `OPENGATEWAY_TEST_DATABASE_URL` (a role that
may create databases), `OPENGATEWAY_TEST_VALKEY_URL` (**its databases are flushed**),
`OPENGATEWAY_TEST_CHROMIUM` (the path of the executable).
"""

from __future__ import annotations

import asyncio
import atexit
import fcntl
import hashlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest

from store_servers import PostgresServer, ValkeyServer

RUN = "OPENGATEWAY_TEST_RUN"
"""Names this test run; workers inherit it from the process that the user started."""

_WAIT_S = 60.0
_TOOLS = Path(__file__).resolve().parents[1] / ".tools"
_MIGRATIONS = Path(__file__).resolve().parents[1] / "src/opengateway/infra/migrations/versions"
_held: dict[str, int] = {}
"""Kind of server -> our lock on its `users`; the file descriptor is not inherited by children."""

_Result = TypeVar("_Result")


def begin() -> bool:
    """Give the run its name. True in the process that began it, which ends it too."""
    if RUN in os.environ:
        return False
    os.environ[RUN] = secrets.token_hex(4)
    return True


def leave() -> None:
    """Let go of the servers; the last one to do so ends them."""
    while _held:
        os.close(_held.popitem()[1])


def end() -> None:
    """Let go, and wait until no server of this run is left. Raises `RuntimeError` after 60 s."""
    leave()
    run = os.environ.pop(RUN)
    for kind in ("postgres", "valkey"):
        folder = _folder(run, kind)
        _until(lambda folder=folder: not folder.exists(), f"{folder} is still there")


def _short_folder() -> Path:
    """Where servers live: a socket's path has at most 107 bytes, and `nobody` must reach it."""
    return Path("/tmp") if os.access("/tmp", os.W_OK) else Path(tempfile.gettempdir())


def _folder(run: str, kind: str) -> Path:
    return _short_folder() / f"ogt-{run}-{kind}"


def _until(ask: Any, otherwise: str) -> None:
    deadline = time.monotonic() + _WAIT_S
    while not ask():
        if time.monotonic() > deadline:
            raise RuntimeError(otherwise)
        time.sleep(0.01)


def _shared(kind: str) -> Path:
    """The folder of this run's server of a kind, which runs until this process lets go of it."""
    folder = _folder(os.environ[RUN], kind)
    if kind not in _held:
        _until(lambda: _join(kind, folder), f"{folder} cannot be joined")
        ready, failed = folder / "ready", folder / "failed"
        _until(lambda: ready.exists() or failed.exists(), f"no server in {folder}")
        if failed.exists():
            raise RuntimeError(failed.read_text())
    return folder


def _join(kind: str, folder: Path) -> bool:
    """Take a share of the lock; start the keeper where we are the first. False: try again."""
    try:
        folder.mkdir(mode=0o755)
        first = True
    except FileExistsError:
        first = False
    try:
        users = os.open(folder / "users", os.O_RDWR | (os.O_CREAT if first else 0), 0o600)
    except FileNotFoundError:
        return False  # not made yet, or already gone
    try:
        fcntl.flock(users, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(users)
        return False  # the last one left: its keeper is removing it
    _held[kind] = users
    if first:
        script = Path(__file__).with_name("store_servers.py")
        log = os.open(folder / "keeper.log", os.O_CREAT | os.O_WRONLY, 0o600)
        # Not `subprocess`: the keeper outlives this worker where others still use it.
        os.posix_spawn(
            sys.executable,
            [sys.executable, str(script), kind, str(folder)],
            {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            file_actions=[(os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2)],
            setpgroup=0,
        )
        os.close(log)
    return True


def apart(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine on a loop of its own, whatever loop this thread has."""
    results: list[_Result] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            results.append(asyncio.run(work))
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return results[0]


# --- PostgreSQL -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Databases:
    """A server on which databases may be made. `admin` is a URL of one of them."""

    admin: str

    def url(self, name: str) -> str:
        return urlsplit(self.admin)._replace(path=f"/{name}").geturl()

    async def execute(self, *statements: str) -> None:
        async with self._connected() as connection:
            for statement in statements:
                await connection.execute(statement)

    async def template(self) -> str:
        """The name of a database at the newest schema, made by the first worker that asks.

        Named by the migrations, so that an installed server may keep it for later runs.
        """
        from opengateway.infra.database import migrate

        name = f"og_template_{_schema()}"
        half = f"{name}_half"
        async with self._connected() as connection:
            await connection.execute("SELECT pg_advisory_lock(4711)")  # until it closes
            made = "SELECT 1 FROM pg_database WHERE datname = $1"
            if await connection.fetchval(made, name) is None:
                await connection.execute(f"DROP DATABASE IF EXISTS {half} WITH (FORCE)")
                await connection.execute(f"CREATE DATABASE {half} TEMPLATE template0")
                await migrate(self.url(half))
                await connection.execute(f"ALTER DATABASE {half} RENAME TO {name}")
        return name

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Any]:
        import asyncpg

        connection = await asyncpg.connect(self.admin)
        try:
            yield connection
        finally:
            await connection.close()

    def fresh(self, template: str) -> Iterator[str]:
        name = f"og_test_{secrets.token_hex(6)}"
        apart(self.execute(f"CREATE DATABASE {name} TEMPLATE {template}"))
        try:
            yield self.url(name)
        finally:
            apart(self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))


@cache
def _schema() -> str:
    """Twelve digits that stand for all migrations."""
    digest = hashlib.sha256()
    for path in sorted(_MIGRATIONS.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


@pytest.fixture(scope="session")
def _databases() -> _Databases:
    installed = os.environ.get("OPENGATEWAY_TEST_DATABASE_URL")
    return _Databases(installed or PostgresServer(_shared("postgres")).url("postgres"))


@pytest.fixture(scope="session")
def _template(_databases: _Databases) -> str:
    return apart(_databases.template())


@pytest.fixture
def postgres_url(_databases: _Databases, _template: str) -> Iterator[str]:
    yield from _databases.fresh(_template)


@pytest.fixture
def blank_postgres_url(_databases: _Databases) -> Iterator[str]:
    yield from _databases.fresh("template0")


@pytest.fixture(params=["sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "postgres":
        yield request.getfixturevalue("postgres_url")
        return
    from opengateway.infra.database import sqlite_url

    path = request.getfixturevalue("tmp_path") / "store.sqlite3"
    shutil.copy(migrated_store(), path)
    yield sqlite_url(str(path))


@cache
def migrated_store() -> Path:
    """An empty SQLite store at the newest schema. Copied by each test: migrating takes longer."""
    from sqlalchemy import create_engine

    from opengateway.infra.database import HEAD
    from opengateway.infra.migrations.run import upgrade

    folder = tempfile.TemporaryDirectory(prefix="opengateway-test-")
    atexit.register(folder.cleanup)
    path = Path(folder.name) / "store.sqlite3"
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        upgrade(connection, HEAD)
    engine.dispose()
    return path


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A server of the test's own, running. `own_postgres.url("postgres")` is a database of it."""
    folder = Path(tempfile.mkdtemp(prefix="ogt-own-", dir=_short_folder()))
    server = PostgresServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


# --- Valkey -----------------------------------------------------------------------------------------


@pytest.fixture
def valkey_url() -> str:
    import redis

    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    if installed := os.environ.get("OPENGATEWAY_TEST_VALKEY_URL"):
        url = f"{installed}{'&' if '?' in installed else '?'}db={worker}"
    else:
        url = ValkeyServer(_shared("valkey")).url(int(worker))
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url


@pytest.fixture
def own_valkey() -> Iterator[ValkeyServer]:
    """A server of the test's own, running, to freeze or stop."""
    folder = Path(tempfile.mkdtemp(prefix="ogt-own-", dir=_short_folder()))
    server = ValkeyServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


# --- Chromium ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Chromium:
    """A headless browser. `libraries` go with it where the machine has none of its own."""

    executable: Path
    libraries: Path | None

    @property
    def launch_options(self) -> dict[str, Any]:
        """What playwright's `chromium.launch` takes."""
        environment = dict(os.environ)
        if self.libraries is not None:
            environment["LD_LIBRARY_PATH"] = str(self.libraries)
            environment["FONTCONFIG_FILE"] = str(self.libraries.with_name("fonts.conf"))
        # No sandbox: it needs kernel rights that containers and root do not have. Pages are ours.
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        return {
            "executable_path": str(self.executable),
            "headless": True,
            "args": arguments,
            "env": environment,
        }


@pytest.fixture(scope="session")
def chromium() -> Chromium:
    if installed := os.environ.get("OPENGATEWAY_TEST_CHROMIUM"):
        return Chromium(Path(installed), None)
    executable = _TOOLS / "chromium" / "chromium"
    if not executable.exists():  # `make setup-test` leaves it out, `make test` does not
        subprocess.run(
            ["make", "--no-print-directory", ".tools/.chromium"], cwd=_TOOLS.parent, check=True
        )
    # The node that comes with playwright wants a library that a bare Debian lacks.
    os.environ.setdefault("PLAYWRIGHT_NODEJS_PATH", str(_TOOLS / "node" / "bin" / "node"))
    return Chromium(executable, _TOOLS / "chromium" / "lib")
