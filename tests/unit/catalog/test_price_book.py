from __future__ import annotations

import msgspec
import pytest

from opengateway.catalog.compiler import compile_snapshot
from opengateway.catalog.config import (
    EndpointConfig,
    ModelConfig,
    PriceConfig,
    PricingConfig,
    ProviderConfig,
    ppm_of,
)
from opengateway.catalog.loader import Catalogue
from opengateway.catalog.price_book import (
    FxRate,
    PriceBook,
    PriceEntry,
    PriceSide,
    PricesNow,
    time_of,
)
from opengateway.catalog.sell_prices import Pricing
from opengateway.domain.catalog import Endpoint, Snapshot, Wire
from opengateway.domain.errors import OperatorError
from opengateway.domain.routing_rules import Routing
from opengateway.domain.usage import Dimension, PriceOrigin

NOW = time_of("2026-12-15")
ENDPOINT = "acme/large:acme:large-1"
LIST = PriceConfig(input="2", output="6", effective_from="2026-11-01", source="list", check=None)
PROVIDERS = {
    "acme": ProviderConfig(wire=Wire.OPENAI, base_url="http://acme.test/v1", auth="none"),
}


def served(price: PriceConfig = LIST, **more: object) -> ModelConfig:
    endpoint = EndpointConfig(provider="acme", upstream_model="large-1", context=1000, price=price)
    return ModelConfig(endpoints=(msgspec.structs.replace(endpoint, **more),))


def compiled(
    book: PriceBook | None = None,
    config: PricingConfig | None = None,
    zone: ModelConfig | None = None,
    at: int = NOW,
) -> Snapshot:
    return compile_snapshot(
        Catalogue({}, {"acme/large": served()}),
        PROVIDERS,
        {} if zone is None else {"acme/large": zone},
        {"acme": ()},
        Routing(),
        "test",
        version="",
        created_at_ns=0,
        pricing=Pricing(config or PricingConfig(), (book or PriceBook()).at(at)),
    )


def the(snapshot: Snapshot) -> Endpoint:
    return snapshot.models["acme/large"].endpoints[0]


def row(
    side: PriceSide = PriceSide.COST,
    since: str = "2026-12-01",
    source: str = "contract",
    pattern: str = ENDPOINT,
    **price: object,
) -> PriceEntry:
    return msgspec.convert(
        {
            "id": f"{pattern}@{since}#{source}",
            "side": side,
            "pattern": pattern,
            "effective_from": since,
            "effective_from_ns": time_of(since),
            "source": source,
            **(price or {"rates": {"input": "1", "output": "3"}}),
        },
        PriceEntry,
    )


def fx(usd: str, since: str = "2026-12-01", currency: str = "KRW") -> FxRate:
    return FxRate(f"{currency}@{since}#bank", currency, since, time_of(since), "bank", usd)


def per_million(endpoint: Endpoint, dimension: Dimension = Dimension.INPUT) -> int:
    return endpoint.price.rates[dimension]


# --- precedence ---------------------------------------------------------------------------------------
def test_without_any_word_teams_pay_what_the_provider_charges() -> None:
    found = the(compiled())
    assert found.cost is None
    assert per_million(found) == 2_000_000_000
    assert found.price.origin is PriceOrigin.CATALOGUE


def test_the_database_goes_before_the_catalogue_and_the_zone_file_before_both() -> None:
    book = PriceBook(prices=(row(),))
    found = the(compiled(book))
    assert (per_million(found), found.price.origin) == (1_000_000_000, PriceOrigin.DATABASE)
    zone = served(PriceConfig(input="9", output="9"))
    found = the(compiled(book, zone=zone))
    assert (per_million(found), found.price.origin) == (9_000_000_000, PriceOrigin.ZONE)


def test_a_zone_files_sell_price_goes_before_the_databases() -> None:
    book = PriceBook(prices=(row(PriceSide.SELL, percent=None, ppm=500_000),))
    found = the(compiled(book))
    assert per_million(found) == 3_000_000_000
    assert found.cost is not None
    found = the(compiled(book, zone=served(sell=PriceConfig(input="7", output="8"))))
    assert per_million(found) == 7_000_000_000
    assert found.cost is not None
    assert found.cost.rates[Dimension.INPUT] == 2_000_000_000


def test_the_most_particular_pattern_holds() -> None:
    everywhere = row(PriceSide.SELL, pattern="*", ppm=100_000)
    owners = row(PriceSide.SELL, pattern="acme/*", ppm=200_000)
    models = row(PriceSide.SELL, pattern="acme/large", ppm=300_000)
    endpoints = row(PriceSide.SELL, ppm=400_000)
    expected = [(everywhere, 2_200), (owners, 2_400), (models, 2_600), (endpoints, 2_800)]
    for many in range(1, 5):
        book = PriceBook(prices=tuple(entry for entry, _ in expected[:many]))
        assert per_million(the(compiled(book))) == expected[many - 1][1] * 1_000_000


# --- dates ---------------------------------------------------------------------------------------------
def test_a_row_holds_from_its_time_on_and_is_known_before() -> None:
    book = PriceBook(
        prices=(row(since="2027-01-01"), row(since="2026-12-01", rates={"input": "4"}))
    )
    assert per_million(the(compiled(book, at=time_of("2026-11-30")))) == 2_000_000_000
    assert per_million(the(compiled(book))) == 4_000_000_000
    assert per_million(the(compiled(book, at=time_of("2027-01-01")))) == 1_000_000_000
    assert book.next_change_ns(NOW) == time_of("2027-01-01")
    assert book.next_change_ns(time_of("2027-01-01")) is None


def test_a_change_of_price_is_a_new_row_and_a_new_version_of_the_snapshot() -> None:
    book = PriceBook(prices=(row(), row(since="2027-01-01", rates={"input": "5", "output": "5"})))
    before, after = compiled(book), compiled(book, at=time_of("2027-01-01"))
    assert the(before).price.id != the(after).price.id
    assert before.version != after.version
    assert compiled(book, at=NOW + 1).version == before.version


# --- several sources ------------------------------------------------------------------------------------
def test_where_two_sources_differ_the_higher_of_each_kind_serves_and_is_flagged() -> None:
    one = row(source="sheet", rates={"input": "1", "output": "9"})
    other = row(source="api", rates={"input": "2", "output": "8"})
    found = the(compiled(PriceBook(prices=(one, other))))
    assert found.price.rates[Dimension.INPUT] == 2_000_000_000
    assert found.price.rates[Dimension.OUTPUT] == 9_000_000_000
    assert found.price.flagged
    assert "higher of" in found.price.source
    agreed = PriceBook(prices=(one, row(source="api", rates={"input": "1", "output": "9"})))
    assert not the(compiled(agreed)).price.flagged


# --- percentages and fees --------------------------------------------------------------------------------
def test_the_zones_mark_up_is_on_every_rate_and_in_the_rows_name() -> None:
    found = the(compiled(config=PricingConfig(markup_percent="5.5", fee_percent="1.25")))
    assert found.cost is not None
    assert found.price.rates == {d: r * 1055 // 1000 for d, r in found.cost.rates.items()}
    assert found.price.id == f"{ENDPOINT}@2026-11-01#list+5.5"
    assert found.fee_ppm == 12_500


def test_a_percentage_is_rounded_up_to_a_nano_dollar() -> None:
    book = PriceBook(prices=(row(PriceSide.SELL, ppm=1),))
    assert per_million(the(compiled(book))) == 2_000_002_000
    odd = PriceBook(prices=(row(rates={"input": "0.000000001"}), row(PriceSide.SELL, ppm=1)))
    assert per_million(the(compiled(odd))) == 2


@pytest.mark.parametrize("text", ["5,5", "-101", "5.55555", "", "1e3", "99999", " 5", "+5"])
def test_what_is_no_percentage_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="per cent"):
        ppm_of(text)


def test_a_percentage_is_exact() -> None:
    assert (ppm_of("5.5"), ppm_of("-100"), ppm_of("0.0001"), ppm_of("9999")) == (
        55_000,
        -1_000_000,
        1,
        99_990_000,
    )


# --- currencies -----------------------------------------------------------------------------------------
def test_a_price_in_another_currency_follows_its_rate_and_each_rate_makes_a_row() -> None:
    priced = row(currency="KRW", rates={"input": "1400", "output": "2800"})
    book = PriceBook(prices=(priced,), fx_rates=(fx("0.0007"), fx("0.0008", "2027-01-01")))
    first, second = the(compiled(book)), the(compiled(book, at=time_of("2027-01-01")))
    assert per_million(first) == 980_000_000
    assert per_million(second) == 1_120_000_000
    assert first.price.id != second.price.id
    assert second.price.effective_from == "2027-01-01"


def test_a_conversion_is_rounded_up() -> None:
    priced = row(currency="KRW", rates={"input": "1"})
    book = PriceBook(prices=(priced,), fx_rates=(fx("0.0000000011"),))
    assert per_million(the(compiled(book))) == 2


def test_a_price_without_its_rate_stops_the_compilation() -> None:
    with pytest.raises(OperatorError, match="KRW"):
        compiled(PriceBook(prices=(row(currency="KRW", rates={"input": "1"}),)))


# --- teams -----------------------------------------------------------------------------------------------
def test_a_teams_prices_are_in_the_snapshot_the_closest_first_and_end_when_told() -> None:
    wide = row(PriceSide.SELL, pattern="*", ppm=10, team_id="team_a")
    close = row(PriceSide.SELL, pattern="acme/large", rates={"input": "1"}, team_id="team_a")
    ended = row(
        PriceSide.SELL, since="2026-12-02", pattern="*", ended=True, team_id="team_a", source="end"
    )
    found = compiled(PriceBook(overrides=(wide, close))).team_prices
    assert [price.pattern for price in found["team_a"]] == ["acme/large", "*"]
    assert found["team_a"][0].rates == {Dimension.INPUT: 1_000_000_000}
    found = compiled(PriceBook(overrides=(wide, close, ended))).team_prices
    assert [price.pattern for price in found["team_a"]] == ["acme/large"]


# --- tiers ------------------------------------------------------------------------------------------------
def test_a_longer_input_has_the_tiers_price_in_every_kind() -> None:
    price = msgspec.convert(
        {
            "input": "2",
            "output": "6",
            "tiers": [{"above": 100, "input": "4"}, {"above": 200, "input": "8", "output": "9"}],
        },
        PriceConfig,
    )
    found = the(compiled(zone=served(price))).price
    assert found.rates_for(100)[Dimension.INPUT] == 2_000_000_000
    assert found.rates_for(101)[Dimension.CACHE_READ] == 4_000_000_000
    assert found.rates_for(101)[Dimension.OUTPUT] == 6_000_000_000
    assert found.rates_for(201)[Dimension.OUTPUT] == 9_000_000_000
    marked = the(compiled(zone=served(price), config=PricingConfig(markup_percent="10"))).price
    assert marked.rates_for(201)[Dimension.OUTPUT] == 9_900_000_000


def test_a_tier_that_would_be_cheaper_or_out_of_order_is_refused() -> None:
    for tiers in ([{"above": 9, "input": "1"}], [{"above": 9}, {"above": 9}]):
        price = msgspec.convert({"input": "2", "output": "6", "tiers": tiers}, PriceConfig)
        with pytest.raises(OperatorError, match="tier"):
            compiled(zone=served(price))


def test_an_input_for_which_the_vendor_charges_more_is_known_to_have_no_price() -> None:
    assert the(compiled(zone=served(full_context=5000))).unpriced_above == 1000
    assert the(compiled(zone=served())).unpriced_above is None


def test_a_moment_with_nothing_is_what_the_catalogue_says() -> None:
    assert PriceBook().at(NOW) == PricesNow(fx={}, overrides={})
