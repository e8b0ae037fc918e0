"""What an endpoint on Bedrock is said to lack is what its family's rule cannot do, and no more."""

from __future__ import annotations

import re

import pytest

from opengateway.catalog.loader import load_catalogue

CATALOGUE = load_catalogue()
ENDPOINTS = [
    (
        model_id,
        endpoint.upstream_model,
        frozenset(endpoint.lacks),
        frozenset(model.capabilities or ()),
    )
    for model_id, model in CATALOGUE.models.items()
    for endpoint in model.endpoints
    if endpoint.provider == "bedrock"
]
without_region = re.compile(r"^(global|us|eu|apac|jp|au)\.")


@pytest.mark.parametrize(("model_id", "upstream", "lacks", "able"), ENDPOINTS)
def test_it_lacks_what_the_rule_of_its_family_cannot_do(
    model_id: str, upstream: str, lacks: frozenset[str], able: frozenset[str]
) -> None:
    bare = without_region.sub("", upstream)
    rules = CATALOGUE.providers["bedrock"].profile.models
    rule = next(rule for rule in rules if bare.startswith(rule.prefix))
    can = {
        # By its own form, or by a tool that must be called and stands for the answer.
        "structured_output": rule.schema_output or rule.forced_calls,
        "prompt_caching": bool(rule.cache_marks),
    }
    for capability, is_able in can.items():
        if capability in able:
            assert (capability in lacks) is not is_able, capability
        assert not (capability in lacks and is_able), capability
