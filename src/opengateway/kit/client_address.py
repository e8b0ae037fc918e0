"""Whose address a request comes from, behind proxies that are trusted and none that are not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

Networks: TypeAlias = Sequence[IPv4Network | IPv6Network]
_MAX_HOPS = 16


def networks(texts: Iterable[str]) -> Networks:
    """The zone file's `listen.trusted_proxies`. Raises `ValueError`."""
    return tuple(ip_network(text, strict=False) for text in texts)


def client_address(peer: str, forwarded_for: Iterable[str], trusted: Networks) -> str:
    """The first address from the right that is no trusted proxy; `peer` when none is named.

    `peer` is the other end of the connection; `forwarded_for` are the values of the headers
    `X-Forwarded-For`, in order. What stands left of the first untrusted address was written by
    somebody who may lie. A value that is not an address ends the walk at what is known before it.
    """
    found = _plain(peer)
    if found is None:
        return peer
    named = ",".join(forwarded_for).split(",") if trusted else []
    for text in reversed(named[-_MAX_HOPS:]):
        if not _is_trusted(found, trusted):
            break
        hop = _plain(text.strip())
        if hop is None:
            break
        found = hop
    return found


def _plain(text: str) -> str | None:
    if text.startswith("["):  # some proxies write [IPv6]:port
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


def _is_trusted(address: str, trusted: Networks) -> bool:
    found = ip_address(address)
    return any(found in network for network in trusted)
