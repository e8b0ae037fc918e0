"""A management key as a caller of the control API."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Final

from opengateway.control.actor import Actor, ActorKind
from opengateway.control.keys.models import ApiKey
from opengateway.control.keys.repository import KeyRepository
from opengateway.control.scope import ControlScope
from opengateway.domain.errors import NotAllowed, NotAuthenticated
from opengateway.domain.principal import KeyKind
from opengateway.kit.secrets import INFERENCE_PREFIX, digest, hint, is_well_formed

_SCHEME: Final = "bearer "


class WrongKeyKind(NotAllowed):
    code = "wrong_key_kind"


class AddressNotAllowed(NotAllowed):
    code = "address_not_allowed"


async def key_actor(scope: ControlScope, header: str, ip: str | None) -> Actor:
    """Who an `Authorization` header stands for.

    Raises `ZoneMismatch` for another zone's key; `NotAuthenticated` for what is no usable key, without asking the store where the form
    alone tells; `WrongKeyKind` for an inference key.
    """
    secret = header[len(_SCHEME) :].strip() if header[: len(_SCHEME)].lower() == _SCHEME else ""
    if not is_well_formed(secret):
        raise NotAuthenticated("send a management key as `Authorization: Bearer og_mgmt_...`")
    if secret.startswith(INFERENCE_PREFIX):
        raise WrongKeyKind("this key asks models; the control API takes a management key")
    made = digest(secret, scope.pepper.secret).hex()
    key = await KeyRepository(scope.session).by_digest(made)
    now_ns = scope.clock.now_ns()
    if key is None:
        scope.neighbours.refuse_key(secret)
    if key is None or (key.digest != made and now_ns >= (key.old_until_ns or 0)):
        raise NotAuthenticated(f"no such key: {hint(secret)}; it may have been revoked")
    _refuse_unusable(key, secret, now_ns)
    if key.ips and not address_allowed(ip, key.ips):
        raise AddressNotAllowed("this key may not be used from your address")
    return Actor(ActorKind.MANAGEMENT_KEY, key_id=key.id, team_id=key.team_id)


def _refuse_unusable(key: ApiKey, secret: str, now_ns: int) -> None:
    if key.revoked_at_ns is not None:
        raise NotAuthenticated(f"the key {hint(secret)} was revoked", code="key_revoked")
    if key.disabled:
        raise NotAuthenticated(f"the key {hint(secret)} is disabled", code="key_disabled")
    if key.expires_at_ns is not None and now_ns >= key.expires_at_ns:
        raise NotAuthenticated(f"the key {hint(secret)} has expired", code="key_expired")
    if key.kind != KeyKind.MANAGEMENT:
        raise WrongKeyKind("this key asks models; the control API takes a management key")


def address_allowed(ip: str | None, allowed: list[str]) -> bool:
    """Whether `ip` is one of the addresses or in one of the networks. An unknown one is not."""
    try:
        address = ip_address(ip or "")
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped if mapped is not None else address
    return any(address in ip_network(text, strict=False) for text in allowed)
