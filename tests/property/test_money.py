from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengateway.domain.money import nanos_to_usd, price_units, usd_to_nanos
from opengateway.domain.usage import Dimension, PriceRow, Unpriced, Usage, cost_of

quantities = st.integers(0, 10**10)
rates = st.integers(0, 10**13)


@given(quantities, quantities, rates)
def test_splitting_a_quantity_never_makes_it_cheaper(a: int, b: int, rate: int) -> None:
    whole = price_units(a + b, rate)
    parts = price_units(a, rate) + price_units(b, rate)
    assert whole <= parts <= whole + 1


@given(quantities, rates)
def test_a_price_is_the_exact_amount_rounded_up(quantity: int, rate: int) -> None:
    exact = Decimal(quantity) * rate / 1_000_000
    assert exact <= price_units(quantity, rate) < exact + 1


@given(st.integers(0, 10**18))
def test_amounts_survive_their_text(nanos: int) -> None:
    assert usd_to_nanos(nanos_to_usd(nanos)) == nanos


@pytest.mark.parametrize("text", ["", "1e", "nan", "inf", "-1", "0.0000000001", "1,5"])
def test_what_is_not_an_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        usd_to_nanos(text)


@given(st.dictionaries(st.sampled_from(list(Dimension)), st.integers(0, 10**9)))
def test_a_cost_is_the_sum_of_its_parts(quantities: dict[Dimension, int]) -> None:
    price = PriceRow("p@2026-11-01#t", "2026-11-01", "t", dict.fromkeys(Dimension, 1_234_567))
    cost = cost_of(Usage(quantities), price)
    assert cost.total == sum(cost.parts.values())
    assert set(cost.parts) == {d for d, q in quantities.items() if q}


def test_a_quantity_without_a_price_is_never_free() -> None:
    price = PriceRow("p@2026-11-01#t", "2026-11-01", "t", {Dimension.INPUT: 1})
    with pytest.raises(Unpriced, match="output_tokens"):
        cost_of(Usage({Dimension.OUTPUT: 1}), price)
    assert cost_of(Usage({Dimension.OUTPUT: 0}), price).total == 0
