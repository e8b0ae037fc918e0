"""The parent: one command starts the whole product, and keeps it running (decision 1).

It binds the public port and hands it down, so that a gateway can be replaced while callers wait.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from opengateway.compose import metrics
from opengateway.compose.children import Child, ChildSpec
from opengateway.compose.greeting import first_start, first_words
from opengateway.compose.listening import GREETING, OWN_URL, SIMULATOR_URL, bind
from opengateway.compose.local_http import ask_own_port, ask_unix
from opengateway.compose.paths import Paths
from opengateway.compose.secrets import ensure_secrets
from opengateway.compose.zone import Zone, load_zone
from opengateway.domain.errors import OperatorError
from opengateway.http.asgi import Receive, Scope, Send
from opengateway.http.server import new_server
from opengateway.kit import log
from opengateway.kit.clock import SystemClock

_CONTROL_STOP_S = 15.0
_READY_S = 60.0
_T = TypeVar("_T")


def run_parent(zone_file: Path, *, host: str | None = None, port: int | None = None) -> int:
    """Run the product until SIGTERM or SIGINT; a second one stops at once. The exit code."""
    writer = log.configure("parent")
    try:
        zone = load_zone(zone_file, os.environ)
        paths = Paths(zone.home)
        try:
            paths.prepare()
            ensure_secrets(paths)
        except OSError as error:
            raise OperatorError(f"home {str(zone.home)!r} cannot be used: {error}") from None
        listener = bind(host or zone.listen.host, zone.listen.port if port is None else port)
        parent = _Parent(zone, zone_file, paths, listener)
        return asyncio.run(parent.run())
    except OperatorError as error:
        print(f"opengateway: {error.message}", file=sys.stderr)  # noqa: T201 - to a person
        return 1
    finally:
        writer.close()


class _Parent:
    def __init__(self, zone: Zone, zone_file: Path, paths: Paths, listener: socket.socket) -> None:
        self._zone = zone
        self._paths = paths
        self._listener = listener
        self._address: tuple[str, int] = listener.getsockname()[:2]
        self._logger = log.get_logger("parent")
        self._stop = asyncio.Event()
        # Kept open as long as we live: a child that starts again inherits the same socket.
        self._simulator: socket.socket | None = None
        self._children = self._plan(zone_file)

    def _plan(self, zone_file: Path) -> list[Child]:
        """In the order of their start; they stop in the opposite one."""
        environment = dict(os.environ)
        environment[OWN_URL] = self._url("127.0.0.1")
        specs: list[ChildSpec] = []
        if any(p.bundled for p in self._zone.providers.values()):
            simulator = self._simulator = bind("127.0.0.1", 0)
            environment[SIMULATOR_URL] = f"http://127.0.0.1:{simulator.getsockname()[1]}/v1"
            specs.append(
                _spec("simulator", "opengateway.simulator.serve", (), simulator, environment)
            )
        zone = ("--zone", str(zone_file))
        specs.append(ChildSpec("control", "opengateway.compose.control", zone, environment))
        specs.append(
            _spec("gateway", "opengateway.compose.gateway", zone, self._listener, environment)
        )
        clock = SystemClock()
        return [Child(spec, clock, self._tell) for spec in specs]

    def _tell(self, event: str, detail: str) -> None:
        self._logger.warning(event, detail=detail)

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal)
        for child in self._children:
            child.start()
        watching = asyncio.create_task(self._serve_metrics())
        greets = os.environ.get(GREETING) != "off"
        greeting = asyncio.create_task(self._greet() if greets else asyncio.sleep(0))
        await self._stop.wait()
        greeting.cancel()
        await asyncio.gather(greeting, return_exceptions=True)
        self._listener.close()  # the gateway stops accepting, and nobody waits in vain
        for child in reversed(self._children):
            drains = child.spec.name == "gateway"
            await child.stop(self._zone.routing.deadline_s + 10 if drains else _CONTROL_STOP_S)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        return 0

    def _on_signal(self) -> None:
        if self._stop.is_set():
            for child in self._children:
                child.kill()
        self._stop.set()

    # --- the greeting ----------------------------------------------------------------------------

    async def _greet(self) -> None:
        """Say where the product is, once it is there; on the first start, make a key and show it."""
        host, port = self._address
        local = _local(host)
        first = await _until(first_start(self._zone, self._paths), _READY_S)
        key = first.key if first else ""
        tls = self._zone.listen.tls is not None
        ready = await _until(_answers(local, port, key, tls=tls), _READY_S)
        name = "localhost" if local == "127.0.0.1" else local
        url = self._url(name)
        if not ready:
            print(f"{url} is up but not ready; see {url}/readyz and the log", flush=True)  # noqa: T201
            return
        print(f"\nOpenGateway is ready: {url}   docs: {url}/docs   zone: {self._zone.name}")  # noqa: T201
        if first:
            print(first_words(url, first, self._example_model()), flush=True)  # noqa: T201
        else:
            print(  # noqa: T201
                "Make a key: opengateway keys create --zone FILE --team TEAM --name NAME",
                flush=True,
            )

    def _url(self, name: str) -> str:
        """Our public port; `name` stands for this machine."""
        host, port = self._address
        local = _local(host)
        shown = name if local == "127.0.0.1" else f"[{local}]" if ":" in local else local
        return f"{'https' if self._zone.listen.tls else 'http'}://{shown}:{port}"

    def _example_model(self) -> str:
        return next(iter(self._zone.models), "owner/model")

    # --- metrics ---------------------------------------------------------------------------------

    async def _serve_metrics(self) -> None:
        where = self._zone.listen.metrics
        try:
            listener = bind(where.host, where.port)
        except OperatorError as error:
            self._tell("metrics_not_served", error.message)
            return
        server = new_server(self._metrics_app, drain_s=1, owns_signals=False)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            await asyncio.shield(serving)
        except asyncio.CancelledError:
            server.should_exit = True
            await serving
            raise

    async def _metrics_app(self, scope: Scope, receive: Receive, send: Send) -> None:
        texts = [self._own_metrics()]
        sockets = (self._paths.gateway_metrics_socket, self._paths.internal_socket)
        for found in await asyncio.gather(
            *(ask_unix(s, "GET", "/metrics", timeout_s=2.0) for s in sockets),
            return_exceptions=True,
        ):
            if not isinstance(found, BaseException) and found[0] == 200:
                texts.append(found[1].decode())
        body = metrics.merge(texts).encode()
        headers = [
            (b"content-type", b"text/plain; version=0.0.4; charset=utf-8"),
            (b"content-length", b"%d" % len(body)),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    def _own_metrics(self) -> str:
        from opengateway.http.metrics_app import Sample, exposition

        samples: list[Sample] = [
            (
                "opengateway_process_up",
                "gauge",
                "Whether a process of the product runs",
                {"process": child.spec.name},
                float(child.is_up),
            )
            for child in self._children
        ]
        samples += [
            (
                "opengateway_process_restarts_total",
                "counter",
                "How often a process was started again",
                {"process": child.spec.name},
                float(child.restarts),
            )
            for child in self._children
        ]
        return exposition(samples)


def _local(host: str) -> str:
    """Where we reach ourselves."""
    return "127.0.0.1" if host in ("0.0.0.0", "::") else host


def _spec(
    name: str,
    module: str,
    arguments: Sequence[str],
    listener: socket.socket,
    environment: dict[str, str],
) -> ChildSpec:
    number = listener.fileno()
    return ChildSpec(name, module, (*arguments, "--fd", str(number)), environment, (number,))


async def _until(work: Coroutine[Any, Any, _T], timeout_s: float) -> _T | None:
    try:
        return await asyncio.wait_for(work, timeout_s)
    except TimeoutError:
        return None


async def _answers(host: str, port: int, key: str, *, tls: bool) -> str:
    """Returns once the gateway is ready, and knows the key that will be shown."""
    target, headers = ("/v1/models", {"authorization": f"Bearer {key}"}) if key else ("/readyz", {})
    while True:
        try:
            status, _ = await ask_own_port(host, port, target, headers, tls=tls)
        except OSError:
            status = 0
        if status == 200:
            return "ready"
        await asyncio.sleep(0.05)
