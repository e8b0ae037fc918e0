"""What every client that speaks to providers needs to know of the way out, whatever its engine."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

import msgspec

from opengateway.ports.transport import Credential, UpstreamRequest, UpstreamResponse

AllowAddress: TypeAlias = Callable[[str, str], bool]
"""Takes the host as configured and an IP address of it; False forbids to connect there."""

_DEFAULT_PORTS = {"http": 80, "https": 443}
_UNAUTHORIZED = 401


@dataclass(frozen=True, slots=True)
class OutboundLimits:
    """Counts, seconds and bytes. Connections in use and kept for reuse count together."""

    connections: int = 4000
    connections_per_origin: int = 2000
    opening: int = 1000
    """Requests that wait for a connection, or for one to be opened: past it they are refused."""
    idle_s: float = 30.0
    """How long an unused connection is kept."""
    names_s: float = 5.0
    """How long the addresses of a name are taken as known."""
    buffer_bytes: int = 64 * 1024
    """Of one answer, read ahead of its reader; twice this much may be held."""
    header_bytes: int = 16 * 1024
    """One header's name and value."""
    headers: int = 128
    drain_s: float = 0.05
    """How long `release` waits for the rest of a body, so that its connection can be kept."""
    drain_bytes: int = 64 * 1024


class MisdirectedCredential(AssertionError):
    """A secret was about to go to another origin than its own: a bug of ours, never sent."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads. `literal` is the host if it is an IP address."""

    origin: tuple[str, str, int]
    literal: str | None
    is_loopback: bool


@lru_cache(maxsize=4096)
def target_of(url: str) -> Target:
    """Raises `ValueError` for what is not an absolute http or https URL."""
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError(f"{url!r} is not an absolute http or https URL")
    host = parts.hostname
    address = _address(host)
    return Target(
        origin=(parts.scheme, host, parts.port or _DEFAULT_PORTS[parts.scheme]),
        literal=host if address is not None else None,
        is_loopback=host == "localhost" or (address is not None and address.is_loopback),
    )


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def _origin_of(text: str) -> tuple[str, str, int]:
    """An origin as it may be written: with or without port, IPv6 with or without brackets."""
    scheme, _, rest = text.lower().rstrip("/").partition("://")
    host, colon, port = rest.rpartition(":")
    if not colon or not port.isdecimal() or rest.endswith("]"):
        return scheme, rest.strip("[]"), _DEFAULT_PORTS.get(scheme, 0)
    return scheme, host.strip("[]"), int(port)


def authorization(credential: Credential, target: Target) -> tuple[str, str]:
    """The header's name in lower case, and its value.

    Raises `MisdirectedCredential` if the secret does not belong to the target's origin.
    """
    _check_origin(credential, target)
    return credential.header.lower(), credential.prefix + credential.secret


def _check_origin(credential: Credential, target: Target) -> None:
    if _origin_of(credential.origin) == target.origin:
        return
    if not any(_origin_of(origin) == target.origin for origin in credential.origins):
        scheme, host, port = target.origin
        raise MisdirectedCredential(
            f"credential {credential.name!r} belongs to {credential.origin!r} "
            f"and was about to be sent to {scheme}://{host}:{port}"
        )


async def send_authorized(
    send: Callable[[UpstreamRequest], Awaitable[UpstreamResponse]], request: UpstreamRequest
) -> UpstreamResponse:
    """Send a request whose credential has an authorizer: with its headers, and once more with new
    ones where the provider refused them and that may help. `send` gets it without a credential.

    Raises `MisdirectedCredential` before the authorizer is asked, and what `send` does.
    """
    credential = request.credential
    assert credential is not None, "asked for only where there is one"
    authorizer = credential.authorizer
    assert authorizer is not None, "asked for only where there is one"
    _check_origin(credential, target_of(request.url))
    is_first = True
    while True:
        added = await authorizer.authorize(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        ready = msgspec.structs.replace(
            request, headers={**headers, **added}, credential=None, unique=True
        )
        response = await send(ready)
        if not is_first or response.status != _UNAUTHORIZED or not authorizer.refused():
            return response
        response.abort()
        is_first = False


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Verifies names and chains, against the host's authorities and those of `ca_file`.

    HTTP/1.1 only: that is what the clients here speak. Raises `OSError` for an unreadable file.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context
