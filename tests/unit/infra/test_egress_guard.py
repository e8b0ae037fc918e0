"""The wall of an airgap, asked by real clients on real sockets."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

import asyncpg
import pytest

from opengateway.infra.egress_guard import EgressGuard, EgressRefused
from opengateway.infra.outbound import OutboundLimits
from opengateway.infra.transports import new_transport
from opengateway.ports.transport import UpstreamRequest

OUTSIDE = "192.0.2.7"  # RFC 5737: leads nowhere
_Result = TypeVar("_Result")


def walled(
    work: Coroutine[Any, Any, _Result], *allowed: str
) -> tuple[_Result | BaseException, EgressGuard, list[str]]:
    told: list[str] = []
    guard = EgressGuard(allowed, told.append)
    with asyncio.Runner(loop_factory=guard.loop) as runner:
        try:
            return runner.run(work), guard, told
        except OSError as error:
            return error, guard, told


async def _open(host: str, port: int) -> str:
    _, writer = await asyncio.open_connection(host, port)
    writer.close()
    return "open"


@pytest.fixture
def port() -> Any:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=lambda: server.accept()[0].close(), daemon=True).start()
        yield server.getsockname()[1]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_our_own_machine_is_within_the_wall(host: str, port: int) -> None:
    result, guard, _ = walled(_open(host, port))
    assert result == "open"
    assert guard.refused == 0


@pytest.mark.parametrize(
    "host", [OUTSIDE, "api.openai.com", "10.0.0.5", "::ffff:192.0.2.7", "2001:db8::1"]
)
def test_what_the_zone_does_not_name_is_never_connected_to(host: str) -> None:
    result, guard, told = walled(_open(host, 443))
    assert isinstance(result, EgressRefused)
    assert guard.refused == 1
    assert told == [host]


async def _look_up(host: str) -> Any:
    return await asyncio.get_running_loop().getaddrinfo(host, 443)


def test_a_name_that_the_zone_does_not_have_is_not_even_looked_up() -> None:
    result, _, told = walled(_look_up("telemetry.example.com"), "models.example.com")
    assert isinstance(result, EgressRefused)
    assert told == ["telemetry.example.com"]


@pytest.mark.parametrize(
    ("rule", "host"),
    [
        ("10.0.0.0/8", "10.1.2.3"),
        ("10.0.0.5", "10.0.0.5"),
        ("fd00::/8", "fd00::1"),
        ("Models.Example.com.", "models.example.com"),
    ],
)
def test_what_the_zone_names_may_be_asked_for(rule: str, host: str) -> None:
    guard = EgressGuard([rule], lambda _: None)
    guard.check_name(host)
    guard.check_address((host, 443))
    with pytest.raises(EgressRefused):
        guard.check_name("192.0.2.1")


def test_an_address_is_open_once_an_allowed_name_led_there() -> None:
    guard = EgressGuard(["models.example.com"], lambda _: None)
    with pytest.raises(EgressRefused):
        guard.check_address(("203.0.113.5", 443))
    guard.learn([("203.0.113.5", 443), ("2001:db8::5%eth0", 443, 0, 0)])
    guard.check_address(("203.0.113.5", 443))
    guard.check_address(("2001:db8::5", 443, 0, 0))


def test_what_was_learned_is_bounded_and_the_oldest_goes() -> None:
    guard = EgressGuard([], lambda _: None)
    guard.learn((f"203.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}", 1) for n in range(4_097))
    with pytest.raises(EgressRefused):
        guard.check_address(("203.0.0.0", 1))
    guard.check_address(("203.0.16.0", 1))


def test_a_path_leads_nowhere_else() -> None:
    EgressGuard([], lambda _: None).check_address("/run/control.sock")


async def _call(url: str, proxy: str | None = None) -> Any:
    transport = new_transport(proxy=proxy, ca_file=None, limits=OutboundLimits())
    try:
        return await transport.send(
            UpstreamRequest(url, b"", {}, credential=None, connect_timeout_s=1.0)
        )
    finally:
        await transport.aclose()


async def _postgres() -> Any:
    return await asyncpg.connect(f"postgresql://u:p@{OUTSIDE}/x", timeout=2)


async def _datagram() -> Any:
    loop = asyncio.get_running_loop()
    return await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=(OUTSIDE, 53))


@pytest.mark.parametrize(
    "work",
    [
        lambda: _call(f"http://{OUTSIDE}/v1"),
        lambda: _call("http://models.example.com/v1", f"http://{OUTSIDE}:3128"),
        _postgres,
        _datagram,
    ],
    ids=["providers", "proxy", "postgres", "datagrams"],
)
def test_every_client_meets_the_wall(work: Any) -> None:
    async def tried() -> str:
        with pytest.raises(Exception, match=r"zone file|reach|connect"):
            await work()
        return "refused"

    result, guard, told = walled(tried())
    assert result == "refused"
    assert guard.refused >= 1
    assert set(told) == {OUTSIDE}


_THREAD = """
import socket, urllib.request
from opengateway.infra.egress_guard import EgressGuard, EgressRefused
told = []
guard = EgressGuard([], told.append)
guard.watch_sockets()
for call in (
    lambda: socket.create_connection(("192.0.2.7", 443), timeout=1),
    lambda: socket.getaddrinfo("telemetry.example.com", 443),
    lambda: urllib.request.urlopen("http://192.0.2.7/", timeout=1),
    lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.7", 53)),
):
    try:
        call()
    except OSError:
        continue
    raise SystemExit("it went out")
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(server.getsockname()).close()
print(guard.refused, sorted(set(told)))
"""


def test_threads_and_libraries_meet_it_too() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _THREAD],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.stdout == "4 ['192.0.2.7', 'telemetry.example.com']\n", done.stderr
