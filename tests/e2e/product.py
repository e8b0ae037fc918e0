"""The whole product as its user starts it, with the simulator as its providers."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import yaml

from opengateway.compose.paths import Paths

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "opengateway.cli.main"]
os.environ["OG_TEST_PROVIDER_KEY"] = "test-provider-key-1234"
PRICE = {"input": "0.20", "output": "0.60"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(ask: Any, timeout_s: float = 20.0, every_s: float = 0.02) -> Any:
    """What `ask` returns, once it is true."""
    deadline = time.monotonic() + timeout_s
    while True:
        with suppress(OSError, AssertionError):
            if found := ask():
                return found
        assert time.monotonic() < deadline, f"{ask} did not come true in {timeout_s} s"
        time.sleep(every_s)


def http(
    url: str, *, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] = {}
) -> tuple[int, bytes, dict[str, str]]:
    """Status, body, headers with lower-case names."""
    request = urllib.request.Request(url, data=body, method=method, headers=dict(headers))
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read(), {k.lower(): v for k, v in answer.headers.items()}
    except urllib.error.HTTPError as error:
        return error.code, error.read(), {k.lower(): v for k, v in error.headers.items()}


def run(
    *arguments: str, check: bool = True, timeout_s: float = 60
) -> subprocess.CompletedProcess[str]:
    """One `opengateway` command."""
    done = subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=timeout_s, check=False
    )
    assert not check or done.returncode == 0, done.stderr
    return done


def slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text)


@dataclass
class Simulator:
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stats(self) -> Any:
        return json.loads(http(self.url + "/__simulator/stats")[1])

    def faults(self, *rules: dict[str, Any]) -> None:
        body = json.dumps(list(rules)).encode()
        status, answer, _ = http(
            self.url + "/__simulator/faults",
            method="POST",
            body=body,
            headers={"content-type": "application/json"},
        )
        assert status < 300, answer

    def reset(self) -> None:
        assert http(self.url + "/__simulator/reset", method="POST", body=b"")[0] < 300


@contextmanager
def simulator(cases: Path | None = None) -> Iterator[Simulator]:
    port = free_port()
    command = [*COMMAND, "simulate", "--port", str(port)]
    if cases is not None:
        command += ["--cases", str(cases)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        until(lambda: http(f"http://127.0.0.1:{port}/healthz")[0] == 200)
        yield Simulator(port, process)
    finally:
        process.terminate()
        process.wait(10)


@dataclass
class Zone:
    """A zone file in the making: providers are personas of the simulator."""

    simulator: Simulator
    home: Path
    providers: dict[str, Any] = field(default_factory=dict)
    models: dict[str, Any] = field(default_factory=dict)
    routing: dict[str, Any] = field(default_factory=dict)
    tls: dict[str, str] | None = None
    components: dict[str, Any] = field(default_factory=dict)
    outbound: dict[str, Any] = field(default_factory=dict)
    edition: str = "selfhost"
    sections: dict[str, Any] = field(default_factory=dict)
    """Others of the file."""

    def provider(self, name: str, persona: str | None = None, **extra: Any) -> None:
        """`name` is a provider that the catalogue knows, or a new one on the OpenAI wire."""
        known = persona is None
        path = f"/as/{persona or name}/v1"
        self.providers[name] = {
            **({} if known else {"wire": "openai"}),
            "base_url": self.simulator.url + path,
            "credentials": [{"name": "main", "api_key": "env:OG_TEST_PROVIDER_KEY"}],
            **extra,
        }

    def provider_at(self, name: str, path: str) -> None:
        """A provider of the catalogue whose wire the simulator speaks below `path`."""
        self.provider(name)
        self.providers[name]["base_url"] = self.simulator.url + path

    def model(self, name: str, *endpoints: tuple[str, str], **extra: Any) -> None:
        """Endpoints are (provider, upstream model)."""
        self.models[name] = {
            "input_modalities": ["text", "image", "file"],
            "endpoints": [
                {
                    "provider": provider,
                    "upstream_model": upstream,
                    "context": 131072,
                    "price": dict(PRICE),
                    **extra,
                }
                for provider, upstream in endpoints
            ],
        }

    def write(self, port: int, metrics_port: int) -> Path:
        self.home.mkdir(parents=True, exist_ok=True)
        path = self.home / "zone.yaml"
        document = {
            "zone": "test",
            "edition": self.edition,
            "home": "./var",
            "listen": {
                "host": "127.0.0.1",
                "port": port,
                "metrics": {"host": "127.0.0.1", "port": metrics_port},
                "tls": self.tls,
            },
            "outbound": self.outbound,
            "components": {"billing": {"use": "off"}, **self.components},
            "providers": self.providers,
            "models": self.models,
            "routing": self.routing,
            **self.sections,
        }
        path.write_text(yaml.safe_dump(document))
        return path


class _ControlConnection(HTTPConnection):
    """To control's internal API, which listens on a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("control", timeout=20)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(20)
        self.sock.connect(str(self._path))


@dataclass
class Product:
    """A running product. `key` is a key of the team `e2e`."""

    zone_file: Path
    port: int
    metrics_port: int
    process: subprocess.Popen[str]
    log: Path
    key: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def chat(
        self, body: dict[str, Any] | bytes, headers: Mapping[str, str] = {}
    ) -> tuple[int, bytes, dict[str, str]]:
        return http(
            self.url + "/v1/chat/completions",
            method="POST",
            body=body if isinstance(body, bytes) else json.dumps(body).encode(),
            headers={
                "authorization": f"Bearer {self.key}",
                "content-type": "application/json",
                **headers,
            },
        )

    def new_key(self, name: str = "k") -> dict[str, str]:
        done = run(
            *("keys", "create", "--zone", str(self.zone_file)),
            *("--team", "e2e", "--name", name, "--json"),
        )
        made: dict[str, str] = json.loads(done.stdout)
        return made

    def knows(self, key: str) -> bool:
        headers = {"authorization": f"Bearer {key}"}
        return http(self.url + "/v1/models", headers=headers)[0] == 200

    def records(self) -> list[dict[str, Any]]:
        """Every record that control has, oldest first: what `dev tail` prints, without a process."""
        with closing(
            _ControlConnection(Paths(self.zone_file.parent / "var").internal_socket)
        ) as control:
            control.request("GET", "/internal/v1/events?limit=1000")
            found: list[dict[str, Any]] = json.loads(control.getresponse().read())["data"]
        return sorted(found, key=lambda record: str(record["id"]))

    def record(self, request_id: str) -> dict[str, Any]:
        """The record of a request, once it has been settled."""

        def ask() -> dict[str, Any] | None:
            return next((r for r in self.records() if r["id"] == request_id), None)

        found: dict[str, Any] = until(ask, 10, every_s=0.1)
        return found

    def pid(self, child: str) -> int:
        """The process of `gateway`, `control` or `simulator`."""
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            with suppress(OSError):
                stat = (entry / "stat").read_text().rpartition(")")[2].split()
                command = (entry / "cmdline").read_bytes().decode().split("\0")
                module = "simulator.serve" if child == "simulator" else f"compose.{child}"
                if int(stat[1]) == self.process.pid and f"opengateway.{module}" in command:
                    return int(entry.name)
        raise ProcessLookupError(child)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def start_again(self, source: Path | None = None) -> None:
        """After `stop`. `source`: of another version, whose program is run instead of this one."""
        environment = dict(os.environ)
        if source is not None:
            environment["PYTHONPATH"] = str(source)
        with self.log.open("a") as stream:
            self.process = subprocess.Popen(
                [*COMMAND, "serve", "--zone", str(self.zone_file)],
                stdout=stream,
                stderr=subprocess.STDOUT,
                text=True,
                env=environment,
            )
        until(lambda: http(self.url + "/readyz")[0] == 200, 120)


@contextmanager
def product(zone: Zone) -> Iterator[Product]:
    port, metrics_port = free_port(), free_port()
    zone_file = zone.write(port, metrics_port)
    log = zone.home / "product.log"
    with log.open("w") as stream:
        process = subprocess.Popen(
            [*COMMAND, "serve", "--zone", str(zone_file)],
            stdout=stream,
            stderr=subprocess.STDOUT,
            text=True,
        )
    running = Product(zone_file, port, metrics_port, process, log)
    try:
        until(lambda: process.poll() is not None or http(running.url + "/readyz")[0] == 200, 120)
        assert process.poll() is None, "the product did not start"
        running.key = running.new_key()["key"]
        until(lambda: running.knows(running.key), 60)
        yield running
    except BaseException:
        print(log.read_text()[-8000:])
        raise
    finally:
        if running.process.poll() is None:
            running.stop()
