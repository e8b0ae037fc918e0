"""Who calls, as far as a connection tells: address, device, the request's name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Annotated, Final

from fastapi import Depends, Request

_UNKNOWN: Final = "unknown"
# First match wins: most browsers also name those that they descend from.
_PROGRAMS: Final = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Whale/", "Whale"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
_PRODUCT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


@dataclass(frozen=True, slots=True)
class Caller:
    ip: str
    device: str
    request_id: str

    @property
    def network(self) -> str:
        """What guesses are counted against: one house often has a whole /64 (or a /24)."""
        try:
            address = ip_address(self.ip)
        except ValueError:
            return _UNKNOWN
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        prefix = 24 if address.version == 4 else 64
        return str(ip_network((address, prefix), strict=False))


def client_ip(request: Request) -> str:
    """The caller's address. `x-forwarded-for` is the gateway's own word here: it removes what a
    caller sends under that name, and nobody else reaches the socket that control listens on."""
    told = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    try:
        return str(ip_address(told or (request.client.host if request.client else "")))
    except ValueError:
        return _UNKNOWN


def device_label(user_agent: str) -> str:
    """A browser and a system, for a person to know a session by; never the whole header."""
    program = next((name for mark, name in _PROGRAMS if mark in user_agent), None)
    if program is None:
        product = _PRODUCT.match(user_agent.partition("/")[0])
        return product[0] if product else _UNKNOWN
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), None)
    return f"{program}, {system}" if system else program


async def _caller(request: Request) -> Caller:
    return Caller(
        ip=client_ip(request),
        device=device_label(request.headers.get("user-agent", "")[:400]),
        request_id=request.state.request_id,
    )


CurrentCaller = Annotated[Caller, Depends(_caller)]
