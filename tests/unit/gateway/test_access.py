from __future__ import annotations

import pytest

from opengateway.domain.errors import NotAllowed
from opengateway.domain.principal import Principal, TeamState
from opengateway.gateway.access import (
    allowed_endpoints,
    check_access,
    check_model,
    model_allowed,
)

from .fakes import PRINCIPAL, endpoint, model, snapshot


def caller(**fields: object) -> Principal:
    kept = {f: getattr(PRINCIPAL, f) for f in Principal.__struct_fields__}
    return Principal(**{**kept, **fields})  # type: ignore[arg-type]


ALLOWED = ("10.0.0.0/8", "203.0.113.7", "2001:db8::/32", "192.168.1.5/24")


@pytest.mark.parametrize(
    "address",
    [
        "10.255.0.1",
        "203.0.113.7",
        "2001:db8:1::9",
        "::ffff:10.1.1.1",
        "192.168.1.77",
        "2001:db8::1%eth0",
    ],
)
def test_addresses_of_the_list_are_let_in(address: str) -> None:
    check_access(caller(ips=ALLOWED), address, None)


@pytest.mark.parametrize(
    "address",
    ["11.0.0.1", "203.0.113.8", "2001:db9::1", "", "unix:", "10.0.0.1.evil", "::ffff:11.0.0.1"],
)
def test_all_other_addresses_are_refused_with_what_to_do(address: str) -> None:
    with pytest.raises(NotAllowed, match="call from an address of its list") as caught:
        check_access(caller(ips=ALLOWED), address, None)
    assert caught.value.code == "address_not_allowed"
    assert "10.0.0.0" not in caught.value.message, "the list itself is not told"


def test_a_list_that_cannot_be_read_admits_nobody() -> None:
    with pytest.raises(NotAllowed):
        check_access(caller(ips=("ten/8",)), "10.0.0.1", None)


def test_without_a_list_any_address_will_do() -> None:
    check_access(caller(), "", TeamState("team_1"))


def test_a_frozen_team_is_refused_whatever_the_key() -> None:
    with pytest.raises(NotAllowed, match="frozen") as caught:
        check_access(caller(), "10.0.0.1", TeamState("team_1", frozen=True))
    assert caught.value.code == "team_frozen"


@pytest.mark.parametrize(
    ("pattern", "model_id", "fits"),
    [
        ("openai/gpt-4o", "openai/gpt-4o", True),
        ("openai/gpt-4o", "openai/gpt-4o-mini", False),
        ("openai/*", "openai/gpt-4o", True),
        ("openai/*", "openai2/gpt-4o", False),
        ("*", "any/thing", True),
        ("*/gpt-*-mini", "openai/gpt-4o-mini", True),
        ("*/gpt-*-mini", "openai/gpt-4o", False),
        ("a*a", "a", False),
        ("a*b*b", "ab", False),
        ("*-mini", "x-mini-mini", True),
        ("openai/gpt.4o", "openai/gpt-4o", False),
    ],
)
def test_a_star_stands_for_anything_and_all_else_for_itself(
    pattern: str, model_id: str, fits: bool
) -> None:
    key = caller(models=("none/such", pattern))
    assert model_allowed(key, model_id) is fits
    if not fits:
        with pytest.raises(NotAllowed, match="limited to none/such") as caught:
            check_model(key, model_id)
        assert caught.value.code == "model_not_allowed"


def test_a_key_without_a_list_may_use_every_model() -> None:
    check_model(caller(), "any/thing")


def test_endpoints_of_other_providers_are_left_out() -> None:
    shot = snapshot(model("lab/m", endpoint("azure"), endpoint("groq"), endpoint("house")))
    pairs = [(e, shot.providers[e.provider_id]) for e in shot.models["lab/m"].endpoints]

    def kept(*providers: str) -> list[str]:
        key = caller(providers=providers)
        return [p.id for _, p in allowed_endpoints(key, "lab/m", iter(pairs))]

    assert kept() == ["azure", "groq", "house"]
    assert kept("groq") == ["groq"]
    assert kept("azure/global", "h*") == ["azure", "house"]
    with pytest.raises(NotAllowed, match=r"\(azure, groq, house\).*limited to other") as caught:
        kept("other", "azure/eastus")
    assert caught.value.code == "provider_not_allowed"


def test_a_team_that_moved_is_told_to_which_zone() -> None:
    with pytest.raises(NotAllowed, match="moved to zone 'jp'") as caught:
        check_access(caller(), "10.0.0.1", TeamState("team_1", frozen=True, moved_to="jp"))
    assert (caught.value.status, caught.value.code) == (403, "zone_mismatch")
