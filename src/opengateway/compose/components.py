"""Components: what can fill each slot of the house, and what an edition allows.

A slot is coarse; the choice for it decides the implementations of the finer ports behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from typing import Any, Final

import msgspec


class SlotName(StrEnum):
    CONTROL_STORE = "control_store"  # keys, teams, configuration
    SHARED_STATE = "shared_state"  # health, stickiness, limits between gateways
    EVENT_LOG = "event_log"  # one row for each request
    BILLING = "billing"  # holds and postings
    PAYMENTS = "payments"  # how money comes in
    MAIL = "mail"
    SECRETS = "secrets"  # where credentials may lie


class Egress(StrEnum):
    """How far a component reaches."""

    NONE = "none"  # nothing beyond this machine
    ZONE = "zone"  # servers of the zone itself
    INTERNET = "internet"


class Stability(StrEnum):
    STABLE = "stable"
    PREVIEW = "preview"


class EditionName(StrEnum):
    SAAS = "saas"
    SELFHOST = "selfhost"
    AIRGAP = "airgap"


class NoOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A component that has nothing to set."""


@dataclass(frozen=True, slots=True)
class Factory:
    """One implementation of a slot.

    `path` is `module:attribute`, imported only when chosen (decision 2); empty where there is
    nothing to build. `needs` are other choices
    without which it cannot work, as (slot, implementation).
    """

    slot: SlotName
    name: str
    egress: Egress
    path: str
    config: type[msgspec.Struct] = NoOptions
    needs: tuple[tuple[SlotName, str], ...] = ()
    stability: Stability = Stability.STABLE

    def load(self) -> Any:
        """What `path` names; None where there is nothing to build. Imports its module."""
        if not self.path:
            return None
        module, _, attribute = self.path.partition(":")
        return getattr(import_module(module), attribute)


@dataclass(frozen=True, slots=True)
class Edition:
    """What a kind of installation must contain, and how far its parts may reach."""

    required: frozenset[SlotName]
    egress: frozenset[Egress]


_CORE: Final = frozenset(
    (SlotName.CONTROL_STORE, SlotName.SHARED_STATE, SlotName.EVENT_LOG, SlotName.SECRETS)
)
EDITIONS: Final[Mapping[EditionName, Edition]] = {
    EditionName.SAAS: Edition(_CORE, frozenset(Egress)),
    EditionName.SELFHOST: Edition(_CORE, frozenset(Egress)),
    EditionName.AIRGAP: Edition(_CORE, frozenset((Egress.NONE, Egress.ZONE))),
}
ABSENT: Final = frozenset(("none", "off"))
"""Implementations that fill a slot by leaving it empty."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot as a zone fills it. `chosen`: the zone file says so; else it is the default."""

    use: str
    options: msgspec.Struct
    chosen: bool = False


def find(registry: Iterable[Factory], slot: SlotName, name: str) -> Factory | None:
    return next((f for f in registry if f.slot is slot and f.name == name), None)


def choose(
    edition: Edition, uses: Mapping[SlotName, str], registry: Iterable[Factory]
) -> tuple[dict[SlotName, Factory], list[tuple[SlotName, str]]]:
    """The implementation for every slot, and all that speaks against the choice, slot by slot."""
    registry = tuple(registry)
    chosen: dict[SlotName, Factory] = {}
    faults: list[tuple[SlotName, str]] = []
    for slot in SlotName:
        use = uses.get(slot, "none")
        if slot in edition.required and use in ABSENT:
            faults.append((slot, "this edition needs it; it cannot be left out"))
        elif (factory := find(registry, slot, use)) is None:
            have = ", ".join(f.name for f in registry if f.slot is slot)
            faults.append((slot, f"{use[:60]!r} is not part of this version; available: {have}"))
        else:
            chosen[slot] = factory
    for slot, factory in chosen.items():
        if factory.egress not in edition.egress:
            faults.append(
                (slot, f"{factory.name!r} reaches the {factory.egress.value}; not in this edition")
            )
        for needed, name in factory.needs:
            if uses.get(needed) != name:
                faults.append(
                    (slot, f"{factory.name!r} needs components.{needed}: {{use: {name}}}")
                )
    return chosen, faults
