"""Addresses: whether one may be called, and whether it lies within the walls of an airgap."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias
from urllib.parse import urlsplit

Network: TypeAlias = IPv4Network | IPv6Network
Address: TypeAlias = IPv4Address | IPv6Address

# RFC 1918, RFC 4193 and loopback. Not link-local: cloud metadata services live there.
INSIDE: Final[tuple[Network, ...]] = tuple(
    ip_network(text)
    for text in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8"),
        *("fc00::/7", "::1/128"),
    )
)
MAX_URL_CHARACTERS: Final = 2048


def url_problem(url: str) -> str | None:
    """What keeps `url` from being the base of requests; None when nothing does.

    The URL is not repeated: somebody may have put a password into it.
    """
    expected = "expected a URL such as https://api.example.com/v1"
    if len(url) > MAX_URL_CHARACTERS or not url.isprintable() or not url.isascii() or " " in url:
        return f"{expected}, without spaces or control characters"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return expected
    if parts.scheme not in ("http", "https") or not host or port == 0:
        return expected
    if parts.username is not None or parts.password is not None:
        return "a URL may not hold a user or password; put the secret into credentials"
    if parts.query or parts.fragment or "?" in url or "#" in url:
        return f"{expected}, without ? or #"
    return None


def host_of(url: str) -> str:
    """The host of a URL that has no problem; lower case, without brackets."""
    return urlsplit(url).hostname or ""


def rule_problem(rule: str) -> str | None:
    """What keeps `rule` from being an entry of `outbound.allow`: a host name, address or CIDR."""
    if _network(rule) is not None:
        return None
    if "/" in rule or ":" in rule or not rule or not rule.isascii() or not rule.isprintable():
        return "expected a host name, an address or a CIDR such as 203.0.113.0/24"
    return None


def network_problem(text: str) -> str | None:
    """What keeps `text` from being an address or CIDR."""
    if _network(text) is not None:
        return None
    return "expected an address or a CIDR such as 10.0.0.0/8"


def is_inside(host: str, allow: Iterable[str]) -> bool:
    """Whether `host` is private, loopback, or listed in `allow`.

    A name is never looked up: what it resolves to tomorrow is not known today. `localhost` alone
    is known.
    """
    rules = tuple(allow)
    host = host.rstrip(".").lower()
    address = _address(host)
    if address is None:
        return host == "localhost" or any(host == rule.rstrip(".").lower() for rule in rules)
    networks = (*INSIDE, *(n for rule in rules if (n := _network(rule)) is not None))
    return any(address in network for network in networks)


def _address(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _network(text: str) -> Network | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None
