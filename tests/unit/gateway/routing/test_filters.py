"""Which endpoints may not serve a request, and what is told when that is all of them."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from opengateway.domain.catalog import Profile, Snapshot
from opengateway.domain.chat import ChatFacts, ProviderPreferences, SortBy
from opengateway.domain.errors import CallerError, NotFound
from opengateway.domain.principal import Principal
from opengateway.domain.routing import ExclusionCode
from opengateway.domain.routing_rules import MaxPrice, RoutingPolicy
from opengateway.gateway.presentation import present
from opengateway.gateway.resolve import plan_chat
from unit.gateway.fakes import PRINCIPAL, model, snapshot
from unit.gateway.routing.places import USD, asking, place

BIG = place("big", input_usd=9, context=100_000, region="eu", quantization="bf16")
SMALL = place("small", input_usd=1, context=1_000, region="us", quantization="int4")
MODEL = model("lab/m", BIG, SMALL)


ANYWHERE = RoutingPolicy()


def world(*, policy: RoutingPolicy = ANYWHERE, team: RoutingPolicy | None = None) -> Snapshot:
    shot = snapshot(MODEL, model("lab/other", place("third", context=100_000)))
    providers = {
        "big": replace(shot.providers["big"], country="DE", zdr=True, collects_data=False),
        "small": replace(shot.providers["small"], country="US", profile=Profile(drop=("seed",))),
        "third": shot.providers["third"],
    }
    return replace(
        shot,
        providers=providers,
        routing=replace(shot.routing, policy=policy),
        team_policies={} if team is None else {"team_1": team},
    )


def served(shot: Snapshot, principal: Principal = PRINCIPAL, **more: Any) -> list[str]:
    preferences = ProviderPreferences(**more.pop("wishes", {}))
    plan = plan_chat(asking(preferences, **more), principal, shot)
    return [c.provider.id for c in plan.candidates]


def left_out(shot: Snapshot, **wishes: Any) -> list[tuple[str, str]]:
    plan = plan_chat(asking(ProviderPreferences(**wishes)), PRINCIPAL, shot)
    return [(e.place, e.reason) for e in plan.excluded]


@pytest.mark.parametrize(
    ("wishes", "expected"),
    [
        ({"only": ("big",)}, ("small/us", "only")),
        ({"ignore": ("small/us",)}, ("small/us", "ignore")),
        ({"order": ("big",), "allow_fallbacks": False}, ("small/us", "order")),
        ({"zdr": True}, ("small/us", "data_policy:zdr")),
        ({"deny_data_collection": True}, ("small/us", "data_policy:data_collection")),
        ({"quantizations": ("bf16",)}, ("small/us", "quantization:int4")),
        ({"max_price": MaxPrice(prompt=2 * USD)}, ("big/eu", "max_price:prompt")),
    ],
)
def test_each_wish_leaves_out_whom_it_must_and_says_why(
    wishes: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert left_out(world(), **wishes) == [expected]


def test_a_zone_s_countries_keep_requests_inside_and_an_unknown_country_is_outside() -> None:
    shot = world(policy=RoutingPolicy(countries=("DE",)))
    assert served(shot) == ["big"]
    with pytest.raises(CallerError) as failed:
        plan_chat(replace(asking(), model="lab/other"), PRINCIPAL, shot)
    error = failed.value
    assert (error.status, error.code) == (403, "zone_mismatch")
    assert error.unavailability is not None
    assert error.unavailability.excluded_by == ("zone:unknown country",)
    assert error.unavailability.alternatives == ("lab/m",)


def test_no_fallback_model_leads_out_of_the_zone() -> None:
    shot = world(policy=RoutingPolicy(countries=("DE",)))
    assert served(shot, fallbacks=("lab/other",)) == ["big"]


def test_a_team_s_policy_is_a_ceiling_that_wishes_do_not_lift() -> None:
    shot = world(team=RoutingPolicy(ignore=("big",)))
    assert served(shot) == ["small"]
    with pytest.raises(CallerError) as failed:
        served(shot, wishes={"only": ("big",)})
    assert (failed.value.status, failed.value.code) == (404, "no_endpoints")
    assert served(shot, replace(PRINCIPAL, team_id="team_2")) == ["big", "small"]


def test_a_key_is_kept_to_its_providers() -> None:
    assert served(world(), replace(PRINCIPAL, providers=("sm*",))) == ["small"]
    with pytest.raises(CallerError) as failed:
        served(world(), replace(PRINCIPAL, providers=("azure",)))
    assert (failed.value.status, failed.value.code) == (403, "provider_not_allowed")


def test_a_pattern_of_models_is_a_list_too() -> None:
    assert served(world(), replace(PRINCIPAL, models=("lab/*",))) == ["big", "small"]


def test_all_members_must_be_understood_where_that_is_asked_for() -> None:
    fields = {"seed": b"1", "messages": b"[]"}
    assert served(world(), fields=fields) == ["big", "small"]
    assert served(world(), fields=fields, wishes={"require_parameters": True}) == ["big"]


def test_what_is_used_and_not_known_there_comes_last_and_is_not_left_out() -> None:
    plain = replace(MODEL, endpoints=(replace(BIG, tools=False), SMALL))
    shot = replace(world(), models={"lab/m": plain})
    assert served(shot) == ["big", "small"]
    assert served(shot, facts=ChatFacts(has_tools=True)) == ["small", "big"]


def test_a_long_request_goes_only_where_it_fits() -> None:
    assert served(world(), input_bytes=8_000) == ["big"]
    assert served(world(), facts=ChatFacts(max_output_tokens=2_000)) == ["big"]
    with pytest.raises(CallerError) as failed:
        served(world(), input_bytes=1_000_000)
    error = failed.value
    assert (error.status, error.code, error.param) == (400, "context_length_exceeded", "messages")
    assert error.unavailability is not None
    assert error.unavailability.excluded_by == ("context:200000",)


def test_an_estimate_errs_and_what_may_just_fit_is_sent() -> None:
    assert served(world(), input_bytes=4_400) == ["big", "small"]


@pytest.mark.parametrize(
    ("wishes", "status", "code", "param"),
    [
        ({"only": ("azure",)}, 404, "no_endpoints", "provider"),
        ({"zdr": True, "ignore": ("big",)}, 404, "no_endpoints", "provider"),
        ({"zdr": True, "only": ("small",)}, 404, "no_endpoints", "provider"),
        ({"quantizations": ("fp8",)}, 404, "constraint_filtered", "provider.quantizations"),
        ({"max_price": MaxPrice(completion=0)}, 404, "constraint_filtered", "provider.max_price"),
    ],
)
def test_an_empty_set_is_an_error_that_names_the_filter(
    wishes: dict[str, Any], status: int, code: str, param: str
) -> None:
    with pytest.raises(CallerError) as failed:
        served(world(), wishes=wishes)
    error = failed.value
    assert (error.status, error.code, error.param) == (status, code, param)
    assert error.unavailability is not None
    assert len(error.unavailability.excluded_by) >= 1
    assert error.unavailability.providers == ("big", "small")


def test_privacy_is_policy_and_says_what_to_leave_out() -> None:
    shot = world(policy=RoutingPolicy(zdr=True))
    with pytest.raises(CallerError) as failed:
        plan_chat(replace(asking(), model="lab/other"), PRINCIPAL, shot)
    assert (failed.value.status, failed.value.code) == (403, "privacy_restricted")
    assert "as the zone or the team demands" in failed.value.message
    with pytest.raises(CallerError) as failed:
        plan_chat(
            replace(asking(ProviderPreferences(zdr=True)), model="lab/other"), PRINCIPAL, world()
        )
    assert failed.value.param == "provider.zdr"


def test_what_is_told_has_the_filters_and_what_would_be_near() -> None:
    with pytest.raises(CallerError) as failed:
        served(world(), wishes={"max_price": MaxPrice(prompt=0)})
    shown = present(failed.value, "gen_1")
    assert shown.unavailability is not None
    assert shown.unavailability.excluded_by == ("max_price:prompt",)
    assert not shown.should_retry


@pytest.mark.parametrize(
    ("name", "sort"), [("lab/m:nitro", SortBy.THROUGHPUT), ("lab/m:floor", SortBy.PRICE)]
)
def test_a_variant_is_the_model_sorted(name: str, sort: SortBy) -> None:
    plan = plan_chat(replace(asking(), model=name), PRINCIPAL, world())
    assert plan.candidates[0].model.id == "lab/m"
    assert plan.sorts == (sort,)


def test_a_model_whose_own_name_ends_so_is_itself() -> None:
    shot = world()
    shot = replace(shot, models={**shot.models, "lab/m:floor": replace(MODEL, id="lab/m:floor")})
    plan = plan_chat(replace(asking(), model="lab/m:floor"), PRINCIPAL, shot)
    assert plan.candidates[0].model.id == "lab/m:floor"
    assert plan.sorts == (None,)


def test_an_unknown_variant_is_an_unknown_model() -> None:
    with pytest.raises(NotFound):
        plan_chat(replace(asking(), model="lab/m:turbo"), PRINCIPAL, world())


def test_preferred_regions_and_priority_make_tiers() -> None:
    shot = world()
    shot = replace(shot, routing=replace(shot.routing, prefer_regions=("us",)))
    assert served(shot) == ["small", "big"]


def test_plans_are_found_once_for_a_snapshot_with_wishes_and_without() -> None:
    shot = world()
    wishes = ProviderPreferences(zdr=True)
    assert plan_chat(asking(), PRINCIPAL, shot) is plan_chat(asking(), PRINCIPAL, shot)
    once = plan_chat(asking(wishes), PRINCIPAL, shot)
    assert once is plan_chat(asking(wishes), PRINCIPAL, shot)
    assert once is not plan_chat(asking(), PRINCIPAL, shot)
    other = replace(PRINCIPAL, providers=("big",))
    assert plan_chat(asking(), other, shot) is not plan_chat(asking(), PRINCIPAL, shot)


def test_the_codes_are_in_the_order_of_the_filters() -> None:
    """The one that took the last endpoints away is told: their order is part of what is told."""
    names = [code.value for code in ExclusionCode]
    assert names.index("zone") < names.index("data_policy") < names.index("only")
    assert names.index("modality") < names.index("context") < names.index("max_price")
