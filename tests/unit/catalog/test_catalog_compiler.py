from __future__ import annotations

from types import MappingProxyType

import msgspec
import pytest

from opengateway.catalog.compiler import compile_snapshot, merge_model
from opengateway.catalog.config import (
    Capability,
    EndpointConfig,
    Modality,
    ModelConfig,
    PriceConfig,
    ProviderConfig,
)
from opengateway.catalog.loader import Catalogue, CatalogueProvider
from opengateway.domain.catalog import Profile, Snapshot, Wire
from opengateway.domain.errors import OperatorError
from opengateway.domain.routing_rules import Routing

PRICE = PriceConfig(input="1", output="2", effective_from="2026-11-01", source="test")


def endpoint(provider: str, upstream: str, **more: object) -> EndpointConfig:
    base = EndpointConfig(provider=provider, upstream_model=upstream, context=1000, price=PRICE)
    return msgspec.structs.replace(base, **more)


def model(*endpoints: EndpointConfig, **more: object) -> ModelConfig:
    return msgspec.structs.replace(ModelConfig(endpoints=endpoints), **more)


def catalogue(**models: ModelConfig) -> Catalogue:
    provider = CatalogueProvider(
        name="P",
        wire=Wire.OPENAI,
        base_url="https://p.example/v1",
        country="FR",
        profile=Profile(drop=("seed",), max_stop=4),
    )
    providers = {"p": provider, "q": msgspec.structs.replace(provider, name="Q", auth="none")}
    return Catalogue(
        MappingProxyType(providers),
        MappingProxyType({name.replace("__", "/"): m for name, m in models.items()}),
    )


def compiled(
    known: Catalogue,
    *,
    providers: dict[str, ProviderConfig] | None = None,
    models: dict[str, ModelConfig] | None = None,
    usable: dict[str, tuple[str, ...]] | None = None,
    version: str = "",
) -> Snapshot:
    both = {"p": ProviderConfig(), "q": ProviderConfig()}
    return compile_snapshot(
        known,
        both if providers is None else providers,
        models or {},
        {"p": ("main",), "q": ()} if usable is None else usable,
        Routing(),
        "z",
        version,
        7,
    )


def test_a_model_is_served_where_one_of_its_providers_is_usable() -> None:
    known = catalogue(
        a__both=model(endpoint("p", "b1"), endpoint("q", "b2")), a__only=model(endpoint("p", "o"))
    )
    assert set(compiled(known).models) == {"a/both", "a/only"}
    without = compiled(known, usable={"q": ()})
    assert set(without.models) == {"a/both"}
    assert [e.provider_id for e in without.models["a/both"].endpoints] == ["q"]
    assert set(without.providers) == {"q"}
    assert not compiled(known, providers={}, usable={}).models


def test_the_version_is_the_content_and_nothing_else() -> None:
    known = catalogue(a__m=model(endpoint("p", "m")), a__n=model(endpoint("q", "n")))
    first = compiled(known)
    turned = Catalogue(known.providers, dict(reversed(known.models.items())))
    providers = {"q": ProviderConfig(), "p": ProviderConfig()}
    again = compiled(turned, providers=providers)
    assert again.version == first.version
    assert msgspec.json.encode(again) == msgspec.json.encode(first)  # what is signed
    assert msgspec.structs.replace(first, created_at_ns=0).version == first.version
    other = {"a/m": ModelConfig(name="M")}
    assert compiled(known, models=other).version != first.version
    assert compiled(known, version="v9").version == "v9"


def test_a_snapshot_survives_the_wire() -> None:
    snapshot = compiled(catalogue(a__m=model(endpoint("p", "m"), capabilities=tuple(Capability))))
    assert msgspec.json.decode(msgspec.json.encode(snapshot), type=Snapshot) == snapshot


def test_a_name_resolves_when_it_is_unique_among_what_is_served() -> None:
    known = catalogue(
        a__x=model(endpoint("p", "vendor-x")),
        b__x=model(endpoint("q", "x-2")),
        b__y=model(endpoint("q", "Vendor/Y")),
    )
    assert compiled(known).aliases == {
        "vendor-x": "a/x",
        "x-2": "b/x",
        "y": "b/y",
        "Vendor/Y": "b/y",
    }
    # With q gone, nobody disputes `x` any more.
    assert compiled(known, usable={"p": ("main",)}).aliases == {"vendor-x": "a/x", "x": "a/x"}


def test_an_alias_that_is_written_beats_one_that_is_implied_and_an_id_beats_both() -> None:
    known = catalogue(
        a__x=model(endpoint("p", "1"), aliases=("y", "b/y")), b__y=model(endpoint("q", "a/x"))
    )
    aliases = compiled(known).aliases
    assert aliases["y"] == "a/x"
    assert "b/y" not in aliases
    assert "a/x" not in aliases


def test_one_alias_for_two_models_is_refused() -> None:
    known = catalogue(
        a__x=model(endpoint("p", "1"), aliases=("d",)),
        b__y=model(endpoint("p", "2"), aliases=("d",)),
    )
    with pytest.raises(OperatorError, match="alias 'd' is given to both 'a/x' and 'b/y'"):
        compiled(known)


def test_what_a_zone_gives_replaces_what_the_catalogue_says_field_by_field() -> None:
    base = model(endpoint("p", "m"), name="M", released="2026-01-02", aliases=("k",))
    merged = merge_model(base, ModelConfig(name="Mine"))
    assert (merged.name, merged.released, merged.aliases) == ("Mine", "2026-01-02", ("k",))
    assert merged.endpoints == base.endpoints
    known = catalogue(a__m=base)
    snapshot = compiled(known, models={"a/m": model(endpoint("q", "other"))})
    assert [e.upstream_model for e in snapshot.models["a/m"].endpoints] == ["other"]


def test_a_providers_profile_is_overridden_by_whole_fields() -> None:
    given = ProviderConfig(
        base_url="http://127.0.0.1:9100/", profile={"drop": ("logprobs",)}, region="seoul"
    )
    provider = compiled(catalogue(), providers={"p": given}).providers["p"]
    assert provider.base_url == "http://127.0.0.1:9100"
    assert (provider.profile.drop, provider.profile.max_stop) == (("logprobs",), 4)
    assert (provider.region, provider.country, provider.credentials) == ("seoul", "FR", ("main",))


def test_an_endpoint_takes_from_its_model_what_it_leaves_out() -> None:
    known = catalogue(
        a__m=model(
            endpoint("p", "1"),
            endpoint("q", "2", modalities=(Modality.TEXT, Modality.IMAGE), tools=False, context=9),
            capabilities=(Capability.TOOLS, Capability.REASONING),
            input_modalities=(Modality.TEXT,),
            released="2026-08-14",
        )
    )
    served = compiled(known).models["a/m"]
    first, second = served.endpoints
    assert (first.modalities, first.tools, first.reasoning) == (("text",), True, True)
    assert (second.modalities, second.tools, second.reasoning) == (("text", "image"), False, True)
    assert served.input_modalities == ("text", "image")
    assert (served.context, served.created) == (1000, 1786665600)
    assert first.id == "a/m:p:1"
    assert len({first.price.id, second.price.id}) == 2


def test_a_local_server_that_gets_a_key_sends_it() -> None:
    given = msgspec.convert(
        {"q": {"credentials": [{"name": "k", "api_key": "env:K"}]}}, dict[str, ProviderConfig]
    )
    assert compiled(catalogue(), providers=given, usable={"q": ("k",)}).providers["q"].auth == (
        "bearer"
    )
    assert compiled(catalogue()).providers["q"].auth == "none"


def test_a_broken_price_names_its_endpoint() -> None:
    wrong = endpoint("p", "m", price=PriceConfig(input="1e3", output="1"))
    with pytest.raises(OperatorError, match="the price of 'a/m:p:m': expected US dollars"):
        compiled(catalogue(a__m=model(wrong)))


def test_an_endpoint_has_the_ratios_of_its_model_s_family_and_the_zone_has_the_last_word() -> None:
    known = catalogue(
        openai__gpt_5=model(endpoint("p", "x")),
        anthropic__c=model(endpoint("p", "x"), endpoint("q", "y", bytes_per_token=0.5)),
    )
    (own,) = compiled(known).models["openai/gpt_5"].endpoints
    first, second = compiled(known).models["anthropic/c"].endpoints
    assert (own.token_encoding, first.token_encoding) == ("", "")
    assert second.bytes_per_token == 0.5
    assert second.hold_tokens_per_byte == 2.0, "what is held is never less than what is estimated"
    gpt = catalogue(**{"openai__gpt-5": model(endpoint("p", "x"))})
    (exact,) = compiled(gpt).models["openai/gpt-5"].endpoints
    assert exact.token_encoding == "o200k_base"
    assert 1 / exact.bytes_per_token < exact.hold_tokens_per_byte < 1.0
    assert first.bytes_per_token < exact.bytes_per_token


def test_what_a_place_lacks_is_what_the_file_says_and_what_its_profile_cannot() -> None:
    known = catalogue(
        a__m=model(
            endpoint("p", "1", lacks=(Capability.PROMPT_CACHING,), retires="2027-01-31"),
            endpoint("q", "2"),
        )
    )
    bare = ProviderConfig(profile={"json_object_for_schema": True})
    first, second = (
        compiled(known, providers={"p": ProviderConfig(), "q": bare}).models["a/m"].endpoints
    )
    assert (first.lacks, first.retires) == (("prompt_caching",), "2027-01-31")
    assert (second.lacks, second.retires) == (("structured_output",), "")
