"""Which addresses a request of ours may go to, when somebody else chose where it goes.

What is not public is refused, whatever name leads there, unless the zone allows that very host or
network. Checked twice: the URL when it is given, and every address when it is connected to, so that
a name cannot mean one thing today and another tomorrow.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final
from urllib.parse import urlsplit

MAX_URL: Final = 2048

# Beside what the registries call not global: addresses that lead to IPv4 ones in disguise.
_DISGUISED: Final = tuple(
    ip_network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")
)


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet. What is not an address is not public."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return is_public(str(found.ipv4_mapped))
        if any(found in network for network in _DISGUISED):
            return False
    return found.is_global and not found.is_multicast and not found.is_reserved


class OutboundRules:
    """What a zone's `outbound.allow` adds to the open internet: host names, addresses, networks.

    `walled`: nothing else, as in an airgap.
    """

    def __init__(self, allow: Iterable[str] = (), *, walled: bool = False) -> None:
        self._hosts: set[str] = set()
        self._networks: list[IPv4Network | IPv6Network] = []
        self._walled = walled
        for rule in allow:
            try:
                self._networks.append(ip_network(rule, strict=False))
            except ValueError:
                self._hosts.add(_tidy(rule))

    def names(self, host: str) -> bool:
        """Whether the zone itself allows this host: then it may be private, and plain HTTP."""
        host = _tidy(host)
        if host in self._hosts:
            return True
        try:
            address = _unmapped(host)
        except ValueError:
            return False
        return any(address in network for network in self._networks)

    def may_connect(self, host: str, address: str) -> bool:
        """Whether a connection to `host` may go to this address of it."""
        if self.names(host) or self.names(address):
            return True
        return not self._walled and is_public(address)

    def problem(self, url: str) -> str | None:
        """What keeps a URL from being called; None when nothing shows. Names are not looked up."""
        expected = "expected a URL such as https://example.com/hook"
        if len(url) > MAX_URL or not url.isascii() or not url.isprintable() or " " in url:
            return f"{expected}, of at most {MAX_URL} characters"
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            return expected
        if parts.scheme not in ("http", "https") or not host or "#" in url:
            return expected
        if parts.username is not None or parts.password is not None:
            return "a URL may not hold a user or a password"
        if self.names(host):
            return None
        if parts.scheme != "https":
            return "must begin with https://"
        if port not in (None, 443):
            return "must be on port 443"
        if self._walled:
            return "this zone calls only hosts that its file allows"
        return self._host_problem(host)

    @staticmethod
    def _host_problem(host: str) -> str | None:
        try:
            ip_address(host)
        except ValueError:
            pass
        else:
            return None if is_public(host) else "leads to an address that is not public"
        # A number that some resolvers take for an address is no name.
        last = _tidy(host).rpartition(".")[2]
        if "." not in host or last[:1].isdecimal() or last in ("localhost", "local", "internal"):
            return "leads to a name that is not public"
        return None


def _tidy(host: str) -> str:
    return host.strip().rstrip(".").lower()


def _unmapped(text: str) -> IPv4Address | IPv6Address:
    address = ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
