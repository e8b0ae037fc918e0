"""The catalogue that ships, and what would make it unsound."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from opengateway.catalog.config import ModelConfig
from opengateway.catalog.loader import Catalogue, load_catalogue, read_catalogue
from opengateway.catalog.validation import check_catalog
from opengateway.domain.errors import OperatorError

PROVIDERS = '[p]\nname = "P"\nwire = "openai"\nbase_url = "https://p.example/v1"\n'
MODEL = """owner = "o"
[models."m"]
name = "M"
released = "2026-01-02"
capabilities = ["tools"]
input_modalities = ["text"]
[[models."m".endpoints]]
provider = "p"
upstream_model = "m"
context = 1000
max_output = 1000
price = { input = "1", output = "2", effective_from = "2026-11-01", source = "s", check = "agree" }
"""


def folder(tmp_path: Path, model: str, providers: str = PROVIDERS) -> Path:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "o.toml").write_text(model)
    (tmp_path / "providers.toml").write_text(providers)
    return tmp_path


def test_the_shipped_catalogue_has_no_fault() -> None:
    assert check_catalog() == []


def test_it_serves_many_models_over_many_hosts_and_many_of_them_twice() -> None:
    models = load_catalogue().models
    hosts = {e.provider for m in models.values() for e in m.endpoints}
    assert hosts >= {"openai", "groq", "deepseek", "mistral", "openrouter", "together", "upstage"}
    assert hosts >= {"google"}
    assert len(models) >= 60
    assert sum(len({e.provider for e in m.endpoints}) > 1 for m in models.values()) >= 20
    by_id = {e.provider for e in models["openai/gpt-oss-120b"].endpoints}
    assert by_id >= {"groq", "together"}


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('capabilities = ["tools"]\n', "", "o/m: has no capabilities"),
        ('input_modalities = ["text"]\n', "", "o/m: has no input_modalities"),
        ('source = "s", ', "", "o/m: endpoint p: the price has no source"),
        ("2026-11-01", "soon", "o/m: endpoint p: the price has no effective_from as YYYY-MM-DD"),
        (
            ', check = "agree"',
            "",
            "o/m: endpoint p: the price does not say whether it is confirmed",
        ),
        ('"agree"', '"differ"', 'o/m: endpoint p: check = "differ" and price_other go together'),
        ('output = "2", ', "", "o/m: endpoint p: the price has no output"),
        ('input = "1"', 'input = "-1"', "o/m: endpoint p: price.input: expected US dollars"),
        ("max_output = 1000", "max_output = 1001", "o/m: endpoint p: max_output 1001 is larger"),
        ('["text"]', '["text", "audio"]', "o/m: endpoint p: takes audio, which has no price"),
        ("2026-01-02", "2026-13-02", "o/m: released '2026-13-02' is not a date"),
        ('provider = "p"', 'provider = "x"', "o/m: provider 'x' is not in providers.toml"),
        ("context = 1000", 'context = 1000\nretires = "2026-10-31"', "o/m: endpoint p: retires"),
        (
            "context = 1000",
            'context = 1000\nretires = "soon"',
            "o/m: endpoint p: retires 'soon' is",
        ),
        (
            'output = "2"',
            'output = "2", cache_read = "1.1"',
            "o/m: endpoint p: a cache read costs more",
        ),
        (
            'output = "2"',
            'output = "2", cache_write = "2", cache_write_1h = "1.5"',
            "o/m: endpoint p: a write for an hour costs less",
        ),
        (
            'output = "2"',
            'output = "2", tiers = [{ above = 9, input = "0.5" }]',
            "o/m: endpoint p: price: a tier may not be cheaper",
        ),
        ('input = "1", output = "2"', 'input = "0", output = "0"', "o/m: endpoint p: every price"),
        ('[models."m"]', '[models."M M"]', "o/M M: the id is not owner/name in lower case"),
    ],
)
def test_each_gap_is_a_fault(tmp_path: Path, old: str, new: str, fault: str) -> None:
    text = MODEL.replace('models."m"', 'models."M M"') if "M M" in new else MODEL.replace(old, new)
    faults = check_catalog(read_catalogue(folder(tmp_path, text)))
    assert len(faults) == 1
    assert faults[0].startswith(fault)


def test_a_provider_without_the_operation_is_a_fault(tmp_path: Path) -> None:
    providers = PROVIDERS + '[p.profile]\noperations = { chat = false, only = ["embeddings"] }\n'
    (fault,) = check_catalog(read_catalogue(folder(tmp_path, MODEL, providers)))
    assert fault == "o/m: p has no operation for a model of kind chat"


def test_a_model_without_endpoints_and_an_upstream_name_used_twice_are_faults() -> None:
    shipped = load_catalogue()
    some_id, some = next(iter(shipped.models.items()))
    copy = msgspec.structs.replace(some, aliases=("one-name",))
    models = {some_id: copy, "o/copy": copy, "o/empty": msgspec.structs.replace(some, endpoints=())}
    faults = check_catalog(Catalogue(shipped.providers, models))
    assert any("twice" in fault for fault in faults)
    assert any("alias 'one-name' is taken by" in fault for fault in faults)
    assert "o/empty: has no endpoint" in faults


@pytest.mark.parametrize(
    ("model", "providers", "message"),
    [
        ("owner = ", PROVIDERS, "o.toml is broken"),
        (MODEL.replace("name =", "nam ="), PROVIDERS, "o.toml is broken.*unknown field `nam`"),
        (MODEL, PROVIDERS + "profil = {}\n", "providers.toml is broken.*unknown field `profil`"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, model: str, providers: str, message: str) -> None:
    with pytest.raises(OperatorError, match=message):
        read_catalogue(folder(tmp_path, model, providers))


def test_two_files_of_one_owner_may_not_repeat_a_model(tmp_path: Path) -> None:
    place = folder(tmp_path, MODEL)
    (place / "models" / "o-2.toml").write_text(MODEL)
    with pytest.raises(OperatorError, match="repeats the model 'o/m'"):
        read_catalogue(place)


def test_a_models_owner_comes_from_its_file(tmp_path: Path) -> None:
    model: ModelConfig = read_catalogue(folder(tmp_path, MODEL)).models["o/m"]
    assert model.owner == "o"
