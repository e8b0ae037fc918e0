"""The wall of an airgap: connections to what the operator configured, and to nothing else.

It stands below every client, ours and the libraries': on the event loop, and on Python's sockets for
what threads open. What it refuses is an `OSError`, as of a network that does not lead there, counted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final, TypeAlias

import uvloop

_Network: TypeAlias = IPv4Network | IPv6Network
_Address: TypeAlias = IPv4Address | IPv6Address

_LOOPBACK: Final[tuple[_Network, ...]] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
"""Our own processes speak over it, and a bundled provider is there."""
_KNOWN: Final = 4096
"""Addresses that allowed names led to, at most; the oldest goes first."""
_ANY_HOST: Final = frozenset({"", "localhost"})


class EgressRefused(OSError):
    """Nothing in the zone file leads there."""


class EgressGuard:
    """Which hosts may be looked up, and which addresses connected to."""

    def __init__(self, allowed: Iterable[str], on_refused: Callable[[str], None]) -> None:
        """`allowed`: names, addresses and CIDRs. `on_refused` hears each host that was refused."""
        self._names: set[str] = set()
        self._networks: set[_Network] = set(_LOOPBACK)
        self._led_to: dict[_Address, None] = {}
        self._on_refused = on_refused
        self.refused = 0
        """Connections and look-ups that were not made."""
        self.allow(allowed)

    def allow(self, hosts: Iterable[str]) -> None:
        """Add what a newer configuration names. Never taken back before the next start."""
        for host in hosts:
            try:
                self._networks.add(ip_network(host, strict=False))
            except ValueError:
                self._names.add(_plain(host))

    def check_name(self, host: str) -> None:
        """Raise `EgressRefused` unless `host`, a name or an address, may be looked up."""
        name = _plain(host)
        address = _address(name)
        if name in _ANY_HOST or name in self._names or (address and self._may_reach(address)):
            return
        self._refuse(host)

    def check_address(self, where: object) -> None:
        """Raise `EgressRefused` unless `where`, as `socket.connect` takes it, may be reached.

        A path is a Unix socket, which leads nowhere else.
        """
        if not isinstance(where, tuple) or not where or not isinstance(where[0], str):
            return
        self.check_name(where[0])

    def learn(self, addresses: Iterable[object]) -> None:
        """Addresses that an allowed name led to: `sockaddr` as `getaddrinfo` gives them."""
        for found in addresses:
            address = _address(str(found[0])) if isinstance(found, tuple) and found else None
            if address is None:
                continue
            self._led_to.pop(address, None)
            self._led_to[address] = None
            if len(self._led_to) > _KNOWN:
                del self._led_to[next(iter(self._led_to))]

    def _may_reach(self, address: _Address) -> bool:
        return address in self._led_to or any(address in network for network in self._networks)

    def _refuse(self, host: str) -> None:
        self.refused += 1
        self._on_refused(host)
        raise EgressRefused(
            None,
            f"{host!r} is in no part of the zone file; add it to outbound.allow if it is meant",
        )

    # --- below everything -------------------------------------------------------------------------

    def loop(self) -> uvloop.Loop:
        """A new event loop that asks this guard."""
        return _GuardedLoop(self)

    def watch_sockets(self) -> None:
        """Ask for what this process's threads connect, too. For good: hooks cannot be removed."""
        sys.addaudithook(self._audit)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect" or event == "socket.sendto":
            self.check_address(arguments[1])
        elif event == "socket.getaddrinfo" and arguments[0] is not None:
            host = arguments[0]
            self.check_name(host.decode("ascii", "replace") if isinstance(host, bytes) else host)


class _GuardedLoop(uvloop.Loop):
    """uvloop opens connections itself, where no hook of Python's sockets hears of it."""

    def __init__(self, guard: EgressGuard) -> None:
        super().__init__()
        self._guard = guard

    async def getaddrinfo(self, host: Any, port: Any, **terms: Any) -> Any:
        if host is None:
            return await super().getaddrinfo(host, port, **terms)
        self._guard.check_name(host.decode("ascii") if isinstance(host, bytes) else str(host))
        rows = await super().getaddrinfo(host, port, **terms)
        self._guard.learn(row[4] for row in rows)
        return rows

    async def create_connection(
        self, protocol_factory: Any, host: Any = None, port: Any = None, **terms: Any
    ) -> Any:
        if host is not None:
            self._guard.check_name(str(host))
        return await super().create_connection(protocol_factory, host, port, **terms)

    async def sock_connect(self, sock: Any, address: Any) -> Any:
        self._guard.check_address(address)
        return await super().sock_connect(sock, address)

    async def create_datagram_endpoint(
        self, protocol_factory: Any, local_addr: Any = None, remote_addr: Any = None, **terms: Any
    ) -> Any:
        self._guard.check_address(remote_addr)
        return await super().create_datagram_endpoint(
            protocol_factory, local_addr, remote_addr, **terms
        )


def _plain(host: str) -> str:
    return host.rstrip(".").lower()


def _address(text: str) -> _Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
