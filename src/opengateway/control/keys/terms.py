"""What a key may do and spend: checked, brought into one form, and compared with its maker's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Final

from opengateway.control.keys.models import ApiKey
from opengateway.domain.errors import InvalidRequest, NotAllowed

MAX_LISTED: Final = 200
MAX_METADATA: Final = 16
MAX_METADATA_VALUE: Final = 256
_MODEL: Final = re.compile(r"[!-~]{1,200}")
_PROVIDER: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_METADATA_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_CEILINGS: Final = ("rpm", "tpm", "concurrency", "limit_nanos", "expires_at_ns")


class LimitReset(StrEnum):
    """When what was spent counts from zero again, in UTC; weeks begin on Monday."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class MoreThanMaker(NotAllowed):
    code = "more_than_its_maker"


def tidy_terms(wanted: Mapping[str, Any], now_ns: int) -> dict[str, Any]:
    """Columns of `ApiKey` and their values, of what a caller sent. Raises `InvalidRequest`."""
    tidy = dict(wanted)
    if "models" in tidy:
        tidy["models"] = _listed(tidy["models"], _MODEL, "models", "a model's id or alias")
    if "providers" in tidy:
        tidy["providers"] = _listed(tidy["providers"], _PROVIDER, "providers", "a provider's id")
    if "ips" in tidy:
        tidy["ips"] = [str(network) for network in _networks(tidy["ips"])]
    if "labels" in tidy:
        tidy["labels"] = _metadata(tidy["labels"])
    expires = tidy.get("expires_at_ns")
    if expires is not None and expires <= now_ns:
        raise InvalidRequest("'expires_at_ns' is past; give a time to come", param="expires_at_ns")
    return tidy


def check_within(key: ApiKey, maker: ApiKey) -> None:
    """Raises `MoreThanMaker` where `key` would do what the key that makes or changes it may not."""
    for name in ("models", "providers"):
        allowed, wanted = getattr(maker, name), getattr(key, name)
        if allowed and not (wanted and set(wanted) <= set(allowed)):
            raise _more(name, f"only some of {', '.join(allowed)}")
    if maker.ips and not _inside(key.ips, maker.ips):
        raise _more("ips", f"only addresses within {', '.join(maker.ips)}")
    for name in _CEILINGS:
        most, asked = getattr(maker, name), getattr(key, name)
        if most is not None and (asked is None or asked > most):
            raise _more(name, f"at most {most}")
    if maker.limit_nanos is not None and key.limit_reset not in (None, maker.limit_reset):
        raise _more("limit_reset", f"{maker.limit_reset!r} or null")


def _more(param: str, allowed: str) -> MoreThanMaker:
    return MoreThanMaker(
        f"{param!r}: a key makes no key that may more than itself; {allowed}", param=param
    )


def _inside(wanted: Sequence[str], allowed: Sequence[str]) -> bool:
    outer = [ip_network(text) for text in allowed]
    return bool(wanted) and all(_covered(ip_network(text), outer) for text in wanted)


def _covered(inner: IPv4Network | IPv6Network, outer: Iterable[IPv4Network | IPv6Network]) -> bool:
    for network in outer:
        if isinstance(inner, IPv4Network) and isinstance(network, IPv4Network):
            if inner.subnet_of(network):
                return True
        elif (
            isinstance(inner, IPv6Network)
            and isinstance(network, IPv6Network)
            and inner.subnet_of(network)
        ):
            return True
    return False


def _listed(given: Sequence[str], form: re.Pattern[str], param: str, what: str) -> list[str]:
    if len(given) > MAX_LISTED:
        raise InvalidRequest(f"{param!r} takes at most {MAX_LISTED}", param=param)
    for text in given:
        if form.fullmatch(text) is None:
            raise InvalidRequest(f"{param!r}: {text[:40]!r} is not {what}", param=param)
    return sorted(set(given))


def _networks(given: Sequence[str]) -> list[IPv4Network | IPv6Network]:
    if len(given) > MAX_LISTED:
        raise InvalidRequest(f"'ips' takes at most {MAX_LISTED}", param="ips")
    found: list[IPv4Network | IPv6Network] = []
    for text in given:
        try:
            network = ip_network(text, strict=False)
        except ValueError:
            raise InvalidRequest(
                f"'ips': {text[:50]!r} is not an address, and not a network such as 203.0.113.0/24",
                param="ips",
            ) from None
        if network not in found:
            found.append(network)
    return found


def _metadata(given: Mapping[str, str]) -> dict[str, str]:
    if len(given) > MAX_METADATA:
        raise InvalidRequest(f"'metadata' takes at most {MAX_METADATA} members", param="metadata")
    for name, value in given.items():
        if _METADATA_NAME.fullmatch(name) is None:
            raise InvalidRequest(
                f"'metadata': the name {name[:40]!r} must be 1 to 64 of A-Z a-z 0-9 _ . -",
                param="metadata",
            )
        if len(value) > MAX_METADATA_VALUE or not (value.isprintable() or not value):
            raise InvalidRequest(
                f"'metadata': {name!r} must be at most {MAX_METADATA_VALUE} printable characters",
                param="metadata",
            )
    return dict(sorted(given.items()))
