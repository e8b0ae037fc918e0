"""`GET /v1/models` in both forms: what stands in it, page by page."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from opengateway.catalog.loader import load_catalogue
from opengateway.domain.catalog import ModelKind, Snapshot
from opengateway.domain.errors import InvalidRequest, NotFound
from opengateway.domain.usage import Dimension
from opengateway.gateway.model_cards import card, card_page, wants_cards
from opengateway.gateway.models import ModelList
from unit.gateway.fakes import PRINCIPAL as KEY
from unit.gateway.fakes import endpoint, model, snapshot


def named(*names: str, **changes: Any) -> Snapshot:
    made = (msgspec.structs.replace(model(n, endpoint("a")), **changes) for n in names)
    return snapshot(*made)


def page(shown: Snapshot, query: str = "") -> Any:
    return json.loads(card_page(shown, KEY, query))


def test_a_client_of_anthropic_is_known_by_its_version_header() -> None:
    assert wants_cards({"anthropic-version": "2023-06-01"})
    assert not wants_cards({"authorization": "Bearer x"})


def test_cards_have_the_form_that_anthropic_s_clients_read() -> None:
    shown = page(named("lab/a", "lab/b"))
    assert [c["id"] for c in shown["data"]] == ["lab/a", "lab/b"]
    assert {c["type"] for c in shown["data"]} == {"model"}
    assert all(c["created_at"].endswith("Z") and c["display_name"] for c in shown["data"])
    assert (shown["has_more"], shown["first_id"], shown["last_id"]) == (False, "lab/a", "lab/b")


def test_pages_follow_each_other_both_ways_and_none_is_missed() -> None:
    shown = named(*(f"lab/m{n}" for n in range(7)))
    seen, after = [], ""
    while True:
        one = page(shown, f"limit=3{after}")
        seen += [c["id"] for c in one["data"]]
        if not one["has_more"]:
            break
        after = f"&after_id={one['last_id']}"
    assert seen == [f"lab/m{n}" for n in range(7)]
    back = page(shown, "limit=3&before_id=lab/m4")
    assert [c["id"] for c in back["data"]] == ["lab/m1", "lab/m2", "lab/m3"]
    assert back["has_more"]


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=1001", "after_id=lab/none"])
def test_a_page_that_there_cannot_be_is_refused(query: str) -> None:
    with pytest.raises(InvalidRequest):
        page(named("lab/a"), query)


def test_only_what_converses_is_shown_to_them() -> None:
    assert page(named("lab/e", kind=ModelKind.EMBEDDING))["data"] == []


def test_a_key_with_a_list_of_models_sees_no_other() -> None:
    few = msgspec.structs.replace(KEY, models=("lab/b",))
    shown = named("lab/a", "lab/b")
    assert [c["id"] for c in json.loads(card_page(shown, few, ""))["data"]] == ["lab/b"]
    with pytest.raises(NotFound):
        card(shown, few, "lab/a")


def test_an_endpoint_tells_its_evidence_and_where_its_price_is_from() -> None:
    served = endpoint("a")
    price = msgspec.structs.replace(
        served.price, source="vendor.example/pricing", flagged=True, rates={Dimension.INPUT: 10}
    )
    shown = snapshot(
        model("lab/a", msgspec.structs.replace(served, price=price, retires="2027-01-31"))
    )
    (row,) = json.loads(ModelList().endpoints(shown, KEY, "lab/a"))["data"]["endpoints"]
    assert row["evidence"] == "documented"
    assert (row["price_source"], row["price_sources_differ"]) == ("vendor.example/pricing", True)
    assert row["shutdown_date"] == "2027-01-31"


def test_a_model_retires_when_its_last_place_does() -> None:
    places = [
        msgspec.structs.replace(endpoint("a"), id=f"e{n}", retires=day)
        for n, day in enumerate(("2027-01-31", "2027-05-31"))
    ]
    listed = json.loads(ModelList().listing(snapshot(model("lab/a", *places)), KEY))["data"]
    assert listed[0]["shutdown_date"] == "2027-05-31"
    stays = [*places, endpoint("b")]
    listed = json.loads(ModelList().listing(snapshot(model("lab/a", *stays)), KEY))["data"]
    assert listed[0]["shutdown_date"] is None


def test_the_catalogue_says_what_its_goals_are() -> None:
    catalogue = load_catalogue()
    places = [e for m in catalogue.models.values() for e in m.endpoints]
    assert len(catalogue.models) >= 200
    assert len(places) >= 600
    assert len(catalogue.providers) >= 50
    assert all(e.price.source and e.price.effective_from for e in places)
