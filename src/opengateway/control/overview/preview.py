"""What a change of prices would have made of the usage of the last weeks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from opengateway.control.overview.schemas import Preview, PreviewLine, percent, usd
from opengateway.control.overview.usage import Bounds, UsageSum, UsageSums
from opengateway.control.providers.tools import PriceOf
from opengateway.domain.catalog import Endpoint, Snapshot
from opengateway.domain.money import price_units
from opengateway.domain.usage import PriceRow


class _Priced(msgspec.Struct):
    """One sum of usage at both prices, and at both costs."""

    of: UsageSum
    before: int
    after: int
    cost_before: int
    cost_after: int


def preview(
    found: UsageSums, between: tuple[int, int], shots: tuple[Snapshot, Snapshot], priced: PriceOf
) -> Preview:
    """`shots`: what is served without the changes and with them. Own credentials pay a fee alone,
    and are left out."""
    before, after = (_endpoints(shot) for shot in shots)
    rows: list[_Priced] = []
    not_served = 0
    for one in found.sums:
        if one.own:
            continue
        old, new = before.get(one.endpoint_id), after.get(one.endpoint_id)
        if old is None or new is None:
            not_served += one.requests
            continue
        paid = priced(shots[0], one.team_id, *old), priced(shots[1], one.team_id, *new)
        rows.append(
            _Priced(
                one,
                _amount(one, paid[0].price),
                _amount(one, paid[1].price),
                _amount(one, _cost(paid[0])),
                _amount(one, _cost(paid[1])),
            )
        )
    return Preview(
        since_ns=between[0],
        until_ns=between[1],
        truncated=found.truncated,
        not_served=not_served,
        total=_line("total", rows),
        models=_grouped(rows, lambda s: s.model),
        teams=_grouped(rows, lambda s: s.team_id),
    )


def _endpoints(shot: Snapshot) -> Mapping[str, tuple[str, Endpoint]]:
    return {e.id: (model.id, e) for model in shot.models.values() for e in model.endpoints}


def bounds_of(*shots: Snapshot) -> Bounds:
    """Where the rates of an endpoint change with the length of the input, by any of `shots`. A team's
    own prices have the tiers of what they are reckoned from, or none."""
    found: dict[str, set[int]] = {}
    for shot in shots:
        for endpoint_id, (_, endpoint) in _endpoints(shot).items():
            tiers = (*endpoint.price.tiers, *_cost(endpoint).tiers)
            found.setdefault(endpoint_id, set()).update(tier.above for tier in tiers)
    return {endpoint_id: sorted(above) for endpoint_id, above in found.items() if above}


def _cost(endpoint: Endpoint) -> PriceRow:
    return endpoint.cost or endpoint.price


def _amount(one: UsageSum, price: PriceRow) -> int:
    rates = price.rates_for(one.input_tokens)
    return sum(price_units(q, rates.get(dimension, 0)) for dimension, q in one.quantities.items())


def _grouped(rows: Sequence[_Priced], name_of: Callable[[UsageSum], str]) -> list[PreviewLine]:
    groups: dict[str, list[_Priced]] = {}
    for row in rows:
        groups.setdefault(name_of(row.of), []).append(row)
    ordered = sorted(groups.items(), key=lambda g: -abs(sum(r.after - r.before for r in g[1])))
    return [_line(name, group) for name, group in ordered[:100]]


def _line(name: str, rows: Sequence[_Priced]) -> PreviewLine:
    before, after = sum(r.before for r in rows), sum(r.after for r in rows)
    return PreviewLine(
        name=name,
        requests=sum(r.of.requests for r in rows),
        charged_before_usd=usd(before),
        charged_after_usd=usd(after),
        difference_usd=usd(after - before),
        difference_percent=percent(after - before, before),
        margin_before_usd=usd(before - sum(r.cost_before for r in rows)),
        margin_after_usd=usd(after - sum(r.cost_after for r in rows)),
    )
