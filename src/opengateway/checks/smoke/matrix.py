"""What there is to try, from the snapshot in force."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final

from opengateway.domain.catalog import Endpoint, Model, ModelKind, Provider, Snapshot
from opengateway.domain.smoke import Cell, Feature, SmokeLevel, SmokeWish
from opengateway.domain.usage import Dimension

LONG_PROMPT_TOKENS: Final = 5_000
"""Above the least length of every vendor's cache (4,096 tokens of the newest Claude models)."""
_CHAT: Final = (Feature.CHAT, Feature.STREAM, Feature.USAGE, Feature.ERROR_SHAPE, Feature.CANCEL)
_OTHER: Final = (Feature.CALL, Feature.USAGE, Feature.ERROR_SHAPE)
_LIVE: Final = frozenset((Feature.STREAM, Feature.CALL))
_PER_MILLION: Final = 1_000_000
_INPUT: Final = {
    Feature.CACHE: 3 * LONG_PROMPT_TOKENS,
    Feature.VISION: 2_000,
    Feature.USAGE: 0,
    Feature.ERROR_SHAPE: 0,
}
_OUTPUT: Final = {Feature.CANCEL: 1_000, Feature.USAGE: 0, Feature.ERROR_SHAPE: 0}
_USUAL_INPUT: Final = 200
_USUAL_OUTPUT: Final = 64
_THOUGHT: Final = 2_048


def cells_of(snapshot: Snapshot, wish: SmokeWish) -> list[Cell]:
    """Cells in the order in which they are to be tried: cheap endpoints before dear ones, and the
    cells of one endpoint together, its plainest first."""
    cells = [
        cell
        for model in snapshot.models.values()
        if fnmatchcase(model.id, wish.models)
        for endpoint in model.endpoints
        for cell in _of_endpoint(model, endpoint, snapshot.providers[endpoint.provider_id])
    ]
    groups = list(by_endpoint(cells).values())
    groups.sort(key=lambda group: sum(cell.nanos for cell in group))
    if wish.level is SmokeLevel.LIVE:
        groups = [_lightest(group) for group in _cheapest(groups)]
    return [cell for group in groups for cell in group]


def features_of(model: Model, endpoint: Endpoint) -> tuple[Feature, ...]:
    if model.kind is not ModelKind.CHAT:
        return _OTHER
    said = set(model.capabilities) - set(endpoint.lacks)
    claimed = {
        Feature.TOOLS: "tools" in said and endpoint.tools,
        Feature.STRUCTURED_OUTPUT: "structured_output" in said,
        Feature.VISION: "image" in model.input_modalities and "image" in endpoint.modalities,
        Feature.REASONING: "reasoning" in said,
        Feature.CACHE: "prompt_caching" in said and endpoint.context > 2 * LONG_PROMPT_TOKENS,
    }
    return (*_CHAT, *(feature for feature, holds in claimed.items() if holds))


def under_cap(cells: Sequence[Cell], cap_nanos: int | None) -> tuple[list[Cell], list[Cell]]:
    """Those that the cap leaves, and those that it takes away."""
    if cap_nanos is None:
        return list(cells), []
    kept: list[Cell] = []
    cut: list[Cell] = []
    spent = 0
    for cell in cells:
        if spent + cell.nanos <= cap_nanos:
            spent += cell.nanos
            kept.append(cell)
        else:
            cut.append(cell)
    return kept, cut


def by_endpoint(cells: Iterable[Cell]) -> Mapping[tuple[str, str], list[Cell]]:
    """In their order, by endpoint and region."""
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        groups.setdefault((cell.endpoint_id, cell.region), []).append(cell)
    return groups


def _of_endpoint(model: Model, endpoint: Endpoint, provider: Provider) -> list[Cell]:
    return [
        Cell(
            model=model.id,
            kind=model.kind.value,
            endpoint_id=endpoint.id,
            provider=provider.id,
            region=endpoint.region,
            upstream_model=endpoint.upstream_model,
            feature=feature,
            wire=provider.wire.value,
            reasons=endpoint.reasoning or "reasoning" in model.capabilities,
            nanos=_most(model, endpoint, feature),
        )
        for feature in features_of(model, endpoint)
    ]


def _most(model: Model, endpoint: Endpoint, feature: Feature) -> int:
    """The most that the calls of a cell cost."""
    rates = (endpoint.cost or endpoint.price).rates
    tokens_in = _INPUT.get(feature, _USUAL_INPUT)
    tokens_out = _OUTPUT.get(feature, _USUAL_OUTPUT)
    if not tokens_in:
        return 0
    if model.kind is not ModelKind.CHAT:
        # One of each thing that is priced: an image, ten seconds, some characters.
        units = {Dimension.SECONDS: 10, Dimension.CHARACTERS: 100, Dimension.IMAGE_OUTPUT: 2_000}
        return sum(rate * units.get(kind, 100) for kind, rate in rates.items()) // _PER_MILLION
    if endpoint.reasoning or "reasoning" in model.capabilities:
        tokens_out += _THOUGHT
    dearest_in = max(rates.get(Dimension.INPUT, 0), rates.get(Dimension.CACHE_WRITE, 0))
    dearest_out = max(rates.get(Dimension.OUTPUT, 0), rates.get(Dimension.REASONING, 0))
    return (tokens_in * dearest_in + tokens_out * dearest_out) // _PER_MILLION


def _cheapest(groups: Iterable[list[Cell]]) -> list[list[Cell]]:
    """The first of each provider's regions."""
    found: dict[str, list[Cell]] = {}
    for group in groups:
        found.setdefault(group[0].place, group)
    return list(found.values())


def _lightest(group: list[Cell]) -> list[Cell]:
    return [cell for cell in group if cell.feature in _LIVE]
