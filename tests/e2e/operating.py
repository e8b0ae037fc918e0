"""A running product's control plane, as its operator and its teams' programs call it; and gateways
beside its own, each with a disk of its own."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from e2e.product import Product, free_port, run, until
from e2e.product import http as fetch
from opengateway.compose.paths import Paths
from store_servers import PostgresServer, ValkeyServer

USD = 10**9
"""Nano-dollars."""


class _OverSocket(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("local", timeout=20)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def operator(target: Product, method: str, path: str, payload: object = None) -> Any:
    """A call of the internal API, which must work."""
    connection = _OverSocket(Paths(target.zone_file.parent / "var").internal_socket)
    body = None if payload is None else json.dumps(payload).encode()
    headers = {} if body is None else {"content-type": "application/json"}
    try:
        connection.request(method, f"/internal/v1{path}", body, headers)
        answer = connection.getresponse()
        raw = answer.read()
    finally:
        connection.close()
    assert answer.status < 300, (method, path, answer.status, raw)
    return json.loads(raw) if raw else None


@dataclass(frozen=True)
class Team:
    """A team with a key of its own and one that manages it."""

    product: Product
    id: str
    name: str
    key: str
    manager: str = field(repr=False)

    def manage(
        self, method: str, path: str, payload: object = None, **headers: str
    ) -> tuple[int, Any]:
        """A call of the public control API below the team: status and decoded answer."""
        status, raw, _ = fetch(
            f"{self.product.url}/api/v1/teams/{self.id}{path}",
            method=method,
            body=None if payload is None else json.dumps(payload).encode(),
            headers={
                "authorization": f"Bearer {self.manager}",
                "content-type": "application/json",
                **{name.replace("_", "-"): value for name, value in headers.items()},
            },
        )
        return status, json.loads(raw) if raw else None

    def done(self, method: str, path: str, payload: object = None, **headers: str) -> Any:
        status, answer = self.manage(method, path, payload, **headers)
        assert status < 300, (method, path, status, answer)
        return answer

    def new_key(self, **terms: Any) -> dict[str, Any]:
        """An inference key that the product's own gateway knows already."""
        made: dict[str, Any] = self.done("POST", "/keys", {"name": "limited", **terms})
        until(lambda: knows(self.product.url, made["key"]))
        return made

    def grant(self, usd: str, *, paid: bool = True) -> None:
        zone = str(self.product.zone_file)
        kind = ("--paid",) if paid else ()
        run("credits", "grant", "--zone", zone, "--team", self.id, "--usd", usd, *kind)

    def balance(self) -> tuple[int, int]:
        """Available and held, in nano-dollars."""
        told = operator(self.product, "GET", f"/teams/{self.id}/balance")
        return told["available_nanos"], told["held_nanos"]


def knows(url: str, key: str) -> bool:
    """Whether a gateway takes the key. One that is limited to other addresses is known too."""
    status, _, _ = fetch(url + "/v1/models", headers={"authorization": f"Bearer {key}"})
    return status in (200, 403)


def new_team(target: Product, name: str, usd: str | None = None) -> Team:
    key = operator(target, "POST", "/keys", {"team": name, "name": "k"})
    wish = {"team": name, "name": "manager", "management": True}
    manager = operator(target, "POST", "/keys", wish)
    team = Team(target, key["team_id"], name, key["key"], manager["key"])
    if usd is not None:
        team.grant(usd)
    until(lambda: knows(target.url, team.key))
    return team


def verify(target: Product) -> None:
    """Every invariant of the ledger holds."""
    done = run("ledger", "verify", "--zone", str(target.zone_file), "--json", check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# --- more gateways ----------------------------------------------------------------------------------


@contextmanager
def gateways(target: Product, count: int) -> Iterator[list[str]]:
    """The URLs of `count` gateways that share the product's control: its own, and others as they run
    on other machines: with its secrets, but journals and copies of their own."""
    processes: list[subprocess.Popen[bytes]] = []
    ports = [target.port]
    try:
        for number in range(2, count + 1):
            zone_file, port = _another_home(target, number), free_port()
            command = [sys.executable, "-m", "opengateway.cli.main", "serve"]
            command += ["--process", "gateway", "--zone", str(zone_file), "--port", str(port)]
            log = zone_file.with_suffix(".log").open("wb")
            with log:
                processes.append(subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT))
            ports.append(port)
        urls = [f"http://127.0.0.1:{port}" for port in ports]
        for url in urls:
            until(lambda url=url: fetch(url + "/readyz")[0] == 200, 30)
        yield urls
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            assert process.wait(30) == 0


def _another_home(target: Product, number: int) -> Path:
    first = Paths(target.zone_file.parent / "var")
    home = target.zone_file.parent / f"var-{number}"
    home.mkdir(mode=0o700)
    (home / "secrets").symlink_to(first.secrets)
    run_folder = Paths(home).run
    run_folder.mkdir(mode=0o700, exist_ok=True)
    for name in (first.control_socket.name, first.internal_socket.name):
        (run_folder / name).symlink_to(first.run / name)
    zone = yaml.safe_load(target.zone_file.read_text()) | {"home": str(home)}
    path = target.zone_file.with_name(f"zone-{number}.yaml")
    path.write_text(yaml.safe_dump(zone))
    return path


# --- servers ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Servers:
    """PostgreSQL and Valkey, to be frozen or stopped. `components` goes into a zone file."""

    postgres: PostgresServer
    valkey: ValkeyServer

    @property
    def components(self) -> dict[str, Any]:
        return {
            "control_store": {"use": "postgres", "url": "env:OG_TEST_OWN_STORE"},
            "shared_state": {"use": "valkey", "url": "env:OG_TEST_OWN_SHARED"},
        }


@contextmanager
def servers() -> Iterator[Servers]:
    """Both, running, with nothing in them; the environment says where."""
    folder = Path("/tmp") if os.access("/tmp", os.W_OK) else Path(tempfile.gettempdir())
    places = [Path(tempfile.mkdtemp(prefix="ogt-own-", dir=folder)) for _ in range(2)]
    postgres, valkey = PostgresServer(places[0]), ValkeyServer(places[1])
    try:
        postgres.start()
        valkey.start()
        os.environ["OG_TEST_OWN_STORE"] = postgres.url("postgres")
        os.environ["OG_TEST_OWN_SHARED"] = valkey.url()
        yield Servers(postgres, valkey)
    finally:
        postgres.stop()
        valkey.stop()
        for place in places:
            shutil.rmtree(place)


# --- many calls at once -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """Status 0: there was none, or not all of it."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """Of an error; empty for a success."""
        return "" if self.status in (0, 200, 201) else str(json.loads(self.body)["error"]["code"])

    @property
    def request_id(self) -> str:
        return self.headers["x-request-id"]


async def chat(
    url: str,
    key: str,
    body: bytes,
    path: str = "/v1/chat/completions",
    timeout_s: float = 30.0,
) -> Answer:
    """One request on a connection of its own."""
    port = int(url.rpartition(":")[2])
    writer = None
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(
                b"POST %s HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
                b"content-type: application/json\r\nauthorization: Bearer %s\r\n"
                b"content-length: %d\r\n\r\n%s" % (path.encode(), key.encode(), len(body), body)
            )
            raw = await reader.read()
    except (OSError, TimeoutError):
        return Answer(0, {}, b"")
    finally:
        if writer is not None:
            writer.close()
    head, end, rest = raw.partition(b"\r\n\r\n")
    if not end:
        return Answer(0, {}, b"")
    first, *lines = head.decode().split("\r\n")
    headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines)}
    if "content-length" in headers:
        whole = len(rest) == int(headers["content-length"])
    else:
        whole = rest.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
    return Answer(int(first.split()[1]) if whole else 0, headers, rest)


async def _flood(urls: Sequence[str], key: str, body: bytes, count: int, path: str) -> list[Answer]:
    # As many at once as the loader has files for; the gateways queue none of them.
    return await asyncio.gather(
        *(chat(urls[number % len(urls)], key, body, path) for number in range(count))
    )


def flood(
    urls: Sequence[str], key: str, body: bytes, count: int, path: str = "/v1/chat/completions"
) -> list[Answer]:
    """That many calls at once, over all gateways in turn."""
    return asyncio.run(_flood(urls, key, body, count, path))


def tally(answers: Sequence[Answer]) -> dict[str, int]:
    return dict(Counter(f"{answer.status} {answer.code}".strip() for answer in answers))


SOAK = bool(os.environ.get("OPENGATEWAY_SOAK"))
