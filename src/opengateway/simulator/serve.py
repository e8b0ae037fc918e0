"""Run the simulator on a port or on a socket that the parent process opened."""

from __future__ import annotations

import argparse
import contextlib
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import uvicorn

from opengateway.domain.errors import OperatorError
from opengateway.simulator.app import Simulator, build_app
from opengateway.simulator.link import SimulatorProtocol
from opengateway.simulator.settings import SimulatorSettings

BACKLOG = 2048
KEEP_ALIVE_S = 120


class SimulatorServer(uvicorn.Server):
    """Ends with status 0 on SIGTERM and SIGINT; uvicorn's own raises the signal again."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        wanted = (signal.SIGTERM, signal.SIGINT)
        before = {number: signal.signal(number, self.handle_exit) for number in wanted}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def make_server(app: Simulator) -> SimulatorServer:
    """A server for `app` with the protocol that faults need; give it sockets to serve."""
    config = uvicorn.Config(
        app,
        http=SimulatorProtocol,
        ws="none",
        loop="uvloop",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=1,
    )
    return SimulatorServer(config)


def open_socket(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises `OperatorError`."""
    listener: socket.socket | None = None
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)  # whoever reads the printed address may call at once
    except OSError as error:
        if listener is not None:
            listener.close()
        raise OperatorError(f"cannot listen on {host!r} port {port}: {error}") from error
    listener.setblocking(False)
    return listener


def address_of(listener: socket.socket) -> str:
    """`http://127.0.0.1:9100/v1` of a listening TCP socket."""
    name = listener.getsockname()
    host = f"[{name[0]}]" if listener.family == socket.AF_INET6 else name[0]
    return f"http://{host}:{name[1]}/v1"


def run(
    host: str = "127.0.0.1",
    port: int = 9100,
    cases: Path | None = None,
    faults: Path | None = None,
    fd: int | None = None,
    models: tuple[str, ...] = (),
    strict_cases: bool = False,
) -> int:
    """Serve until SIGTERM; the process's exit status. `fd` is an inherited listening socket."""
    settings = SimulatorSettings(
        cases=cases, faults=faults, models=models, strict_cases=strict_cases
    )
    try:
        app = build_app(settings)
        listener = socket.socket(fileno=fd) if fd is not None else open_socket(host, port)
    except (OperatorError, OSError) as error:
        sys.stderr.write(f"simulator: {error}\n")
        return 1
    sys.stdout.write(f"simulator listening on {address_of(listener)}\n")
    sys.stdout.flush()
    make_server(app).run(sockets=[listener])
    return 0


def main(arguments: list[str] | None = None) -> int:
    """The command line of `python -m opengateway.simulator.serve`."""
    parser = argparse.ArgumentParser(prog="opengateway simulate", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9100)
    parser.add_argument("--fd", type=int, help="an inherited listening socket, instead of a port")
    parser.add_argument("--cases", type=Path, help="a folder of recorded cases")
    parser.add_argument("--strict-cases", action="store_true", help="never generate")
    parser.add_argument("--faults", type=Path, help="a YAML file of fault rules")
    parser.add_argument("--models", default="", help="more model names, comma separated; globs")
    given = parser.parse_args(arguments)
    models = tuple(name for name in given.models.split(",") if name)
    return run(
        host=given.host,
        port=given.port,
        cases=given.cases,
        faults=given.faults,
        fd=given.fd,
        models=models,
        strict_cases=given.strict_cases,
    )


if __name__ == "__main__":
    sys.exit(main())
