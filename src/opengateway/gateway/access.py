"""Step 2, `authenticate`, after the key is known: what it may do, and from where.

Patterns of models and providers: `*` stands for anything (`openai/*`, `*`), all else for itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

from opengateway.domain.catalog import Endpoint, Provider
from opengateway.domain.errors import NotAllowed
from opengateway.domain.neighbours import ZoneMismatch
from opengateway.domain.principal import Principal, TeamState

_Address = IPv4Address | IPv6Address
_Network = IPv4Network | IPv6Network
_CACHED: Final = 8192


def check_access(principal: Principal, peer_ip: str, team: TeamState | None) -> None:
    """Whether the key may be used from `peer_ip` now. Raises `NotAllowed` (403)."""
    if team is not None and team.moved_to:
        raise ZoneMismatch(
            f"this team has moved to zone {team.moved_to!r}; use a key that it has there"
        )
    if team is not None and team.frozen:
        raise NotAllowed(
            "this team is frozen: nothing can be spent until it is released; ask the team's owner,"
            " or whoever runs this gateway",
            code="team_frozen",
        )
    if principal.ips and not _admits(principal.ips, peer_ip):
        raise NotAllowed(
            f"this key may not be used from {peer_ip[:45]!r}; call from an address of its list, or"
            " add this one to the key's addresses",
            code="address_not_allowed",
        )


@lru_cache(maxsize=_CACHED)
def _admits(ips: tuple[str, ...], peer_ip: str) -> bool:
    """The answer is kept by list and address: a caller's next request costs one look-up."""
    address = parse_address(peer_ip)
    return address is not None and any(address in network for network in _networks(ips))


@lru_cache(maxsize=_CACHED)
def _networks(ips: tuple[str, ...]) -> tuple[_Network, ...]:
    """What cannot be read admits nobody: control refuses such lists, and a fault must not open."""
    found: list[_Network] = []
    for text in ips:
        try:
            found.append(ip_network(text, strict=False))
        except ValueError:
            continue
    return tuple(found)


def parse_address(text: str) -> _Address | None:
    """An address without its zone; one of IPv4 within IPv6 as what it is. None: not an address."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


# --- models and providers ----------------------------------------------------------------------------


def model_allowed(principal: Principal, model_id: str) -> bool:
    return not principal.models or model_id in principal.models or _fits(principal.models, model_id)


def check_model(principal: Principal, model_id: str) -> None:
    """Raises `NotAllowed` (403)."""
    if not model_allowed(principal, model_id):
        raise NotAllowed(
            f"this key may not use {model_id!r}; it is limited to {', '.join(principal.models)}",
            code="model_not_allowed",
            param="model",
        )


def allowed_endpoints(
    principal: Principal, model_id: str, pairs: Iterable[tuple[Endpoint, Provider]]
) -> list[tuple[Endpoint, Provider]]:
    """Those that the key's list of providers lets through. Raises `NotAllowed` if it is none.

    A list names a provider (`azure`), a region of it (`azure/eastus`), or a pattern.
    """
    found = list(pairs)
    allowed = principal.providers
    if not allowed or not found:
        return found
    kept = [
        (endpoint, provider)
        for endpoint, provider in found
        if _fits(allowed, provider.id) or _fits(allowed, f"{provider.id}/{endpoint.region}")
    ]
    if not kept:
        serving = ", ".join(sorted({provider.id for _, provider in found}))
        raise NotAllowed(
            f"this key may not use the providers of {model_id!r} ({serving}); it is limited to"
            f" {', '.join(allowed)}: name another model, or add one of them to the key's providers",
            code="provider_not_allowed",
            param="model",
        )
    return kept


@lru_cache(maxsize=_CACHED)
def _fits(patterns: tuple[str, ...], name: str) -> bool:
    return any(_fits_one(pattern, name) for pattern in patterns)


def _fits_one(pattern: str, name: str) -> bool:
    head, star, tail = pattern.partition("*")
    if not star:
        return pattern == name
    if not name.startswith(head):
        return False
    rest = name[len(head) :]
    *middle, last = tail.split("*")
    for piece in middle:  # the leftmost place of each leaves most for those that follow
        place = rest.find(piece)
        if place < 0:
            return False
        rest = rest[place + len(piece) :]
    return rest.endswith(last)
