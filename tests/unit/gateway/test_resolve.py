from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from opengateway.domain.catalog import ModelKind
from opengateway.domain.chat import ChatFacts, ProviderPreferences
from opengateway.domain.errors import CallerError, InvalidRequest, NotAllowed, NotFound
from opengateway.domain.principal import Principal
from opengateway.gateway.models import per_unit
from opengateway.gateway.resolve import plan_chat
from unit.gateway.fakes import PRINCIPAL, chat, endpoint, model, snapshot

SNAPSHOT = snapshot(
    model("lab/m", endpoint("a"), endpoint("b"), endpoint("c")), model("lab/other", endpoint("d"))
)


def order(preferences: ProviderPreferences, *, fallbacks: tuple[str, ...] = ()) -> list[str]:
    request = replace(chat(fallbacks=fallbacks), preferences=preferences)
    return [c.provider.id for c in plan_chat(request, PRINCIPAL, SNAPSHOT).candidates]


@pytest.mark.parametrize(
    ("preferences", "expected"),
    [
        (ProviderPreferences(), ["a", "b", "c"]),
        (ProviderPreferences(order=("c", "b")), ["c", "b", "a"]),
        (ProviderPreferences(order=("c",), allow_fallbacks=False), ["c"]),
        (ProviderPreferences(allow_fallbacks=False), ["a", "b", "c"]),
        (ProviderPreferences(only=("b", "c")), ["b", "c"]),
        (ProviderPreferences(ignore=("a",)), ["b", "c"]),
        (ProviderPreferences(only=("b/global",)), ["b"]),
        (ProviderPreferences(ignore=("b/elsewhere",)), ["a", "b", "c"]),
    ],
)
def test_preferences_order_and_narrow(
    preferences: ProviderPreferences, expected: list[str]
) -> None:
    assert order(preferences) == expected


def test_fallback_models_come_last_in_their_order() -> None:
    assert order(ProviderPreferences(), fallbacks=("lab/other",)) == ["a", "b", "c", "d"]


def test_a_fallback_serves_when_the_preferences_leave_the_model_nobody() -> None:
    assert order(ProviderPreferences(only=("d",)), fallbacks=("lab/other",)) == ["d"]


def test_endpoints_go_by_priority() -> None:
    last = msgspec.structs.replace(endpoint("a"), priority=5)
    found = plan_chat(chat(), PRINCIPAL, snapshot(model("lab/m", last, endpoint("b"))))
    assert [c.provider.id for c in found.candidates] == ["b", "a"]


def test_every_credential_of_a_provider_is_a_candidate_of_its_own() -> None:
    shot = snapshot(model("lab/m", endpoint("a")))
    provider = msgspec.structs.replace(shot.providers["a"], credentials=("main", "spare"))
    shot = msgspec.structs.replace(shot, providers={"a": provider})
    found = plan_chat(chat(), PRINCIPAL, shot)
    assert [c.credential for c in found.candidates] == ["main", "spare"]


@pytest.mark.parametrize(
    ("name", "fallbacks", "kind", "code", "param"),
    [
        ("lab/n", (), NotFound, "model_not_found", "model"),
        ("", (), NotFound, "model_not_found", "model"),
        ("lab/m", ("lab/gone",), NotFound, "model_not_found", "models[0]"),
        ("lab/n", ("lab/other",), NotFound, "model_not_found", "model"),
    ],
)
def test_an_unknown_model_is_told_with_its_nearest_names(
    name: str, fallbacks: tuple[str, ...], kind: type[CallerError], code: str, param: str
) -> None:
    with pytest.raises(kind) as failed:
        plan_chat(chat(name, fallbacks=fallbacks), PRINCIPAL, SNAPSHOT)
    assert (failed.value.code, failed.value.param) == (code, param)
    if name == "lab/n":
        assert "lab/m" in failed.value.message


def test_an_alias_resolves() -> None:
    shot = msgspec.structs.replace(SNAPSHOT, aliases={"m": "lab/m"})
    assert plan_chat(chat("m"), PRINCIPAL, shot).candidates[0].model.id == "lab/m"


def test_a_key_is_kept_to_its_models() -> None:
    narrow: Principal = msgspec.structs.replace(PRINCIPAL, models=("lab/other",))
    with pytest.raises(NotAllowed, match="lab/other"):
        plan_chat(chat(), narrow, SNAPSHOT)


def test_what_the_model_cannot_take_is_refused_before_it_is_sent() -> None:
    request = replace(chat(), facts=ChatFacts(modalities=frozenset(("text", "image"))))
    with pytest.raises(InvalidRequest, match="image"):
        plan_chat(request, PRINCIPAL, SNAPSHOT)


def test_a_model_of_another_kind_does_not_chat() -> None:
    embedding = msgspec.structs.replace(model("lab/e", endpoint("a")), kind=ModelKind.EMBEDDING)
    with pytest.raises(InvalidRequest) as failed:
        plan_chat(chat("lab/e"), PRINCIPAL, snapshot(embedding))
    assert failed.value.code == "wrong_endpoint"


@pytest.mark.parametrize(
    ("nanos_per_million", "text"),
    [(0, "0"), (20_000_000, "0.00000002"), (3 * 10**9, "0.000003"), (1, "0.000000000000001")],
)
def test_unit_prices_are_exact_decimal_text(nanos_per_million: int, text: str) -> None:
    assert per_unit(nanos_per_million) == text
