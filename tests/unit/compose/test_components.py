from __future__ import annotations

from collections.abc import Mapping

import pytest

from opengateway.compose.components import (
    EDITIONS,
    EditionName,
    Egress,
    Factory,
    SlotName,
    Stability,
    choose,
)
from opengateway.compose.registry import DEFAULTS, MEANS, REGISTRY

AIRGAP = EDITIONS[EditionName.AIRGAP]
SAAS = EDITIONS[EditionName.SAAS]


def use(**slots: str) -> Mapping[SlotName, str]:
    return {**DEFAULTS, **{SlotName(name): value for name, value in slots.items()}}


def test_the_defaults_are_sound_in_every_edition() -> None:
    for edition in EDITIONS.values():
        chosen, faults = choose(edition, use(), REGISTRY)
        assert faults == []
        assert set(chosen) == set(SlotName)


@pytest.mark.parametrize("factory", REGISTRY, ids=lambda f: f"{f.slot}-{f.name}")
def test_what_is_registered_exists(factory: Factory) -> None:
    built = factory.load()
    assert (built is None) == (factory.path == "")


def test_doctor_can_say_what_each_choice_means() -> None:
    assert set(MEANS) == {(factory.slot, factory.name) for factory in REGISTRY}


def test_an_airgap_refuses_a_component_that_reaches_the_internet() -> None:
    mailer = Factory(
        SlotName.MAIL, "hosted", Egress.INTERNET, "nowhere:Mail", stability=Stability.PREVIEW
    )
    registry = (*REGISTRY, mailer)
    assert choose(SAAS, use(mail="hosted"), registry)[1] == []
    assert choose(AIRGAP, use(mail="hosted"), registry)[1] == [
        (SlotName.MAIL, "'hosted' reaches the internet; not in this edition")
    ]


def test_a_missing_need_is_named() -> None:
    ledger = Factory(
        SlotName.BILLING, "x", Egress.NONE, "", needs=((SlotName.CONTROL_STORE, "postgres"),)
    )
    assert choose(SAAS, use(billing="x"), (*REGISTRY, ledger))[1] == [
        (SlotName.BILLING, "'x' needs components.control_store: {use: postgres}")
    ]


def test_what_does_not_exist_is_refused_with_what_does() -> None:
    assert choose(SAAS, use(secrets="kms"), REGISTRY)[1] == [
        (SlotName.SECRETS, "'kms' is not part of this version; available: file, env")
    ]


def test_a_slot_that_the_edition_needs_cannot_be_empty() -> None:
    assert choose(SAAS, use(event_log="none"), REGISTRY)[1] == [
        (SlotName.EVENT_LOG, "this edition needs it; it cannot be left out")
    ]
