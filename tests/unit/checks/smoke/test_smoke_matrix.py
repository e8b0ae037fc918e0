from __future__ import annotations

from typing import Any

from opengateway.checks.smoke.matrix import cells_of, features_of, under_cap
from opengateway.domain.catalog import Endpoint, Model, ModelKind, Profile, Provider, Snapshot, Wire
from opengateway.domain.routing_rules import Routing
from opengateway.domain.smoke import Feature, SmokeLevel, SmokeWish
from opengateway.domain.usage import Dimension, PriceRow


def endpoint(name: str, provider: str, rate: int, **changes: Any) -> Endpoint:
    rates = {Dimension.INPUT: rate, Dimension.OUTPUT: rate}
    price = PriceRow(f"{name}@1#t", "2026-01-01", "t", rates)
    said: dict[str, Any] = {"context": 100_000, "max_output": None, "price": price, **changes}
    return Endpoint(id=f"{name}:{provider}", provider_id=provider, upstream_model=name, **said)


def model(name: str, *endpoints: Endpoint, kind: str = "chat", **changes: Any) -> Model:
    said: dict[str, Any] = {
        "input_modalities": ("text",),
        "output_modalities": ("text",),
        "capabilities": (),
        **changes,
    }
    return Model(name, name, "o", ModelKind(kind), 0, 100_000, None, endpoints=endpoints, **said)


def snapshot(*models: Model) -> Snapshot:
    providers = {p: Provider(p, p, Wire.OPENAI, "http://x", Profile()) for p in ("cheap", "dear")}
    named = {m.id: m for m in models}
    return Snapshot("v", "z", 0, providers, named, {}, Routing())


A = model("a/one", endpoint("one", "dear", 9_000_000_000), endpoint("one", "cheap", 1_000_000_000))
B = model("b/two", endpoint("two", "cheap", 5_000_000_000), capabilities=("tools", "reasoning"))
E = model("e/vec", endpoint("vec", "dear", 1_000_000), kind="embedding")


def test_a_model_is_tried_for_what_the_catalogue_claims() -> None:
    claims = {"capabilities": ("tools", "structured_output", "reasoning", "prompt_caching")}
    whole = model(
        "w/w",
        endpoint("w", "cheap", 1, modalities=("text", "image")),
        **claims,
        input_modalities=("text", "image"),
    )
    assert set(features_of(whole, whole.endpoints[0])) == set(Feature) - {Feature.CALL}
    plain = features_of(A, A.endpoints[0])
    assert Feature.TOOLS not in plain
    assert Feature.CANCEL in plain
    without = endpoint("w", "cheap", 1, tools=False)
    assert Feature.TOOLS not in features_of(whole, without)
    lacking = endpoint("w", "cheap", 1, lacks=("structured_output", "prompt_caching"))
    assert not {Feature.STRUCTURED_OUTPUT, Feature.CACHE} & set(features_of(whole, lacking))
    assert features_of(E, E.endpoints[0]) == (Feature.CALL, Feature.USAGE, Feature.ERROR_SHAPE)


def test_cheap_endpoints_come_first_and_an_endpoints_cells_together() -> None:
    cells = cells_of(snapshot(A, B), SmokeWish(SmokeLevel.DAILY))
    order = list(dict.fromkeys(cell.endpoint_id for cell in cells))
    assert order == ["one:cheap", "one:dear", "two:cheap"]
    assert cells[0].feature is Feature.CHAT
    seen = [cell.endpoint_id for cell in cells]
    assert seen == sorted(seen, key=order.index)


def test_a_glob_chooses_models() -> None:
    cells = cells_of(snapshot(A, B), SmokeWish(SmokeLevel.PRE_PUBLISH, "b/*"))
    assert {cell.model for cell in cells} == {"b/two"}


def test_live_is_one_cheap_call_for_each_provider() -> None:
    cells = cells_of(snapshot(A, B, E), SmokeWish(SmokeLevel.LIVE))
    assert [(cell.provider, cell.model, cell.feature) for cell in cells] == [
        ("dear", "e/vec", Feature.CALL),
        ("cheap", "a/one", Feature.STREAM),
    ]


def test_a_cap_takes_away_what_it_cannot_pay_and_nothing_that_is_free() -> None:
    cells = cells_of(snapshot(A), SmokeWish(SmokeLevel.DAILY))
    cheapest = cells[0].nanos
    kept, cut = under_cap(cells, cheapest)
    assert [cell.feature for cell in kept if cell.nanos] == [Feature.CHAT]
    assert {cell.feature for cell in kept if not cell.nanos} == {Feature.USAGE, Feature.ERROR_SHAPE}
    assert len(kept) + len(cut) == len(cells)
    assert under_cap(cells, None) == (cells, [])
