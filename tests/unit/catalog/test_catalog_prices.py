from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengateway.catalog.config import PRICED, PriceCheck, PriceConfig, rate_of
from opengateway.catalog.pricing import is_flagged, price_row
from opengateway.domain.money import nanos_to_usd
from opengateway.domain.usage import Dimension, Usage, cost_of

DATED = {"effective_from": "2026-11-01", "source": "vendor price page"}


@given(st.integers(0, 10**15 - 1))
def test_a_price_survives_text_and_back_without_loss(nanos: int) -> None:
    assert rate_of(nanos_to_usd(nanos)) == nanos


@given(st.from_regex(r"[0-9]{1,6}(\.[0-9]{1,9})?", fullmatch=True).filter(str.isascii))
def test_every_plain_decimal_is_exact(text: str) -> None:
    assert Decimal(rate_of(text)) == Decimal(text) * 10**9


@given(st.text(max_size=12))
def test_anything_else_is_refused_and_never_becomes_another_price(text: str) -> None:
    try:
        nanos = rate_of(text)
    except ValueError:
        return
    assert Decimal(nanos) == Decimal(text) * 10**9
    assert 0 <= nanos < 10**15


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "1 ",
        "-1",
        "+1",
        "1e3",
        "1_0",
        ".5",
        "1.",
        "0.0000000001",
        "1000000",
        "NaN",
        "inf",
        "1,5",
        "١",
        "0x1",
        "1\n",
        "1.5.5",
    ],
)
def test_what_is_no_plain_price_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected US dollars per million units"):
        rate_of(text)


def test_a_kind_without_its_own_price_costs_what_it_replaces_and_the_source_says_so() -> None:
    row = price_row("o/m:p:m", PriceConfig(input="0.20", output="0.60", **DATED))
    assert row.rates == {
        Dimension.INPUT: 200_000_000,
        Dimension.CACHE_READ: 200_000_000,
        Dimension.CACHE_WRITE: 200_000_000,
        Dimension.OUTPUT: 600_000_000,
        Dimension.REASONING: 600_000_000,
    }
    assert row.id == "o/m:p:m@2026-11-01#vendor-price-page"
    assert row.effective_from == "2026-11-01"
    assert row.source == (
        "vendor price page; reasoning as output; cache reads as input; cache writes as input"
    )


def test_a_price_that_is_given_is_never_replaced() -> None:
    given = ("1", "2", "0", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14")
    prices = dict(zip(PRICED, given, strict=True))
    row = price_row("e", PriceConfig(**prices, **DATED))
    assert row.source == "vendor price page"
    in_order = (1, 0, 4, 5, 2, 6, 7, 8, 9, 10, 11, 12, 13, 14)
    assert list(row.rates.values()) == [n * 10**9 for n in in_order]


def test_of_two_sources_the_higher_rate_serves_kind_by_kind() -> None:
    first = PriceConfig(
        input="0.435",
        output="0.87",
        cache_read="0.003625",
        reasoning="0.87",
        check=PriceCheck.DIFFER,
        **DATED,
    )
    second = PriceConfig(
        input="1.32",
        output="0.5",
        cache_read="0.044",
        effective_from="2026-11-01",
        source="another",
    )
    row = price_row("e", first, second)
    assert {d: nanos_to_usd(rate) for d, rate in row.rates.items()} == {
        Dimension.INPUT: "1.32",
        Dimension.CACHE_READ: "0.044",
        Dimension.CACHE_WRITE: "1.32",
        Dimension.OUTPUT: "0.87",
        Dimension.REASONING: "0.87",
    }
    assert row.source == "higher of vendor price page and another; cache writes as input"
    assert is_flagged(first)


def test_an_edited_price_of_a_zone_file_is_another_row() -> None:
    before = price_row("e", PriceConfig(input="1", output="2"))
    after = price_row("e", PriceConfig(input="1", output="3"))
    assert before.id != after.id
    assert before.id == price_row("e", PriceConfig(input="1.00", output="2.0")).id
    assert before.id.startswith("e@1970-01-01#zone-file-")


def test_a_request_costs_to_the_nano_dollar_what_the_file_says() -> None:
    row = price_row("e", PriceConfig(input="0.15", output="0.6", cache_read="0.075", **DATED))
    usage = Usage({Dimension.INPUT: 1001, Dimension.CACHE_READ: 3, Dimension.REASONING: 7})
    # 1001 x 0.15 + 3 x 0.075 + 7 x 0.6, in millionths of a dollar.
    assert cost_of(usage, row).total == 150_150 + 225 + 4_200
