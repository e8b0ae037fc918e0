"""Where clouds are: patterns filled by the zone, and an endpoint for each region."""

from __future__ import annotations

from typing import Any

import pytest

from opengateway.catalog.compiler import compile_snapshot
from opengateway.catalog.config import CredentialConfig, ModelConfig, ProviderConfig
from opengateway.catalog.loader import load_catalogue
from opengateway.catalog.places import missing_places
from opengateway.domain.catalog import Snapshot
from opengateway.domain.routing_rules import Routing

CATALOGUE = load_catalogue()
KEY = (CredentialConfig(name="main", api_key="env:KEY"),)


def served(provider: str, models: dict[str, ModelConfig] | None = None, **given: Any) -> Snapshot:
    config = ProviderConfig(credentials=KEY, **given)
    return compile_snapshot(
        CATALOGUE, {provider: config}, models or {}, {provider: ("main",)}, Routing(), "z", "v", 0
    )


@pytest.mark.parametrize(
    ("provider", "given", "url", "region"),
    [
        ("bedrock", {}, "https://bedrock-runtime.us-east-1.amazonaws.com", "us-east-1"),
        (
            "bedrock",
            {"region": "eu-west-3"},
            "https://bedrock-runtime.eu-west-3.amazonaws.com",
            "eu-west-3",
        ),
        (
            "google-vertex",
            {"project": "p"},
            "https://aiplatform.googleapis.com/v1/projects/p/locations/global",
            "global",
        ),
        (
            "google-vertex-anthropic",
            {"project": "p", "region": "us-east5"},
            "https://us-east5-aiplatform.googleapis.com/v1/projects/p/locations/us-east5",
            "us-east5",
        ),
        (
            "google-vertex",
            {"project": "p", "region": "eu"},
            "https://aiplatform.eu.rep.googleapis.com/v1/projects/p/locations/eu",
            "eu",
        ),
        ("azure", {"resource": "r"}, "https://r.openai.azure.com/openai/v1", "global"),
        ("bedrock", {"base_url": "http://127.0.0.1:9100/"}, "http://127.0.0.1:9100", "us-east-1"),
        ("other", {"like": "bedrock", "region": "us-west-2"},
         "https://bedrock-runtime.us-west-2.amazonaws.com", "us-west-2"),
    ],
)  # fmt: skip
def test_a_zone_fills_in_where_its_cloud_is(
    provider: str, given: dict[str, Any], url: str, region: str
) -> None:
    found = served(provider, **given).providers[provider]
    assert (found.base_url, found.region, found.regional_urls) == (url, region, {})


def test_each_region_is_an_endpoint_and_the_first_goes_first() -> None:
    regions = ("eu-west-1", "eu-central-1")
    snapshot = served("bedrock", regions=regions)
    provider = snapshot.providers["bedrock"]
    assert provider.base_url == "https://bedrock-runtime.eu-west-1.amazonaws.com"
    assert tuple(provider.regional_urls) == regions
    first, second = snapshot.models["amazon/nova-lite"].endpoints
    assert (first.region, second.region) == regions
    assert second.id == f"{first.id}@eu-central-1"
    assert second.priority == first.priority + 1
    assert second.base_url == "https://bedrock-runtime.eu-central-1.amazonaws.com"
    assert first.price == second.price


def test_an_endpoint_that_names_its_region_is_there_alone() -> None:
    known = CATALOGUE.models["amazon/nova-lite"].endpoints[0]
    endpoint = {n: getattr(known, n) for n in known.__struct_fields__} | {"region": "eu-central-1"}
    model = ModelConfig(endpoints=(type(known)(**endpoint),))
    snapshot = served("bedrock", {"amazon/nova-lite": model}, regions=("eu-west-1", "eu-central-1"))
    (only,) = snapshot.models["amazon/nova-lite"].endpoints
    assert only.base_url == "https://bedrock-runtime.eu-central-1.amazonaws.com"


@pytest.mark.parametrize(
    ("provider", "given", "missing"),
    [
        ("google-vertex", {}, ["project"]),
        ("azure", {}, ["resource"]),
        ("azure", {"resource": "r"}, []),
        ("azure", {"base_url": "https://x/openai/v1"}, []),
        ("bedrock", {}, []),
        ("openai", {}, []),
    ],
)
def test_what_an_address_needs_and_has_not_got_is_named(
    provider: str, given: dict[str, Any], missing: list[str]
) -> None:
    config = ProviderConfig(**given)
    assert missing_places(config, CATALOGUE.providers[provider]) == missing
