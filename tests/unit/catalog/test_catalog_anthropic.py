"""Claude models: where they are served, in which order, and at which of the four prices of input."""

from __future__ import annotations

from decimal import Decimal

from opengateway.catalog.loader import load_catalogue
from opengateway.domain.catalog import Wire

MODELS = {
    name: model for name, model in load_catalogue().models.items() if name.startswith("anthropic/")
}


def test_each_is_served_by_anthropic_itself_first() -> None:
    assert len(MODELS) >= 12
    for name, model in MODELS.items():
        first = min(model.endpoints, key=lambda e: e.priority)
        assert first.provider == "anthropic", name
        assert first.upstream_model == name.partition("/")[2]
        others = {e.provider for e in model.endpoints} - {"anthropic"}
        assert others & {"openrouter", "google-vertex-anthropic"}
        clouds = {"bedrock", "google-vertex-anthropic", "azure-anthropic", "databricks"}
        assert others <= {"openrouter", "deepinfra", *clouds}
        assert [e.priority for e in model.endpoints].count(first.priority) == 1


def test_writes_to_the_cache_cost_as_the_vendor_says_by_lifetime() -> None:
    for name, model in MODELS.items():
        price = next(e.price for e in model.endpoints if e.provider == "anthropic")
        base = Decimal(price.input)
        assert Decimal(price.cache_write or 0) == base * Decimal("1.25"), name
        assert Decimal(price.cache_write_1h or 0) == base * 2, name
        assert Decimal(price.cache_read or 0) < base / 5, name


def test_every_model_has_a_rule_and_each_level_is_known() -> None:
    provider = load_catalogue().providers["anthropic"]
    assert provider.wire is Wire.ANTHROPIC
    rules = provider.profile.models
    for name in MODELS:
        rule = next(r for r in rules if name.partition("/")[2].startswith(r.prefix))
        assert rule.prefix, name
        assert rule.thinking_as is not None
    scale = ["low", "medium", "high", "xhigh", "max"]
    for rule in rules:
        assert list(rule.levels) == [word for word in scale if word in rule.levels]
        assert bool(rule.levels) is (rule.thinking_as == "level")
    shadowed = [
        (a.prefix, b.prefix)
        for at, a in enumerate(rules)
        for b in rules[at + 1 :]
        if b.prefix.startswith(a.prefix)
    ]
    assert shadowed == []
