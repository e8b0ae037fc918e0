from __future__ import annotations

import logging
from pathlib import Path

import pytest

from opengateway.compose.faults import ZoneFaults
from opengateway.compose.zone import Zone, load_zone, snapshot_of
from opengateway.domain.catalog import ModelKind
from opengateway.domain.model_rules import ModelRule
from opengateway.domain.routing_rules import Routing, RoutingPolicy
from opengateway.domain.usage import SpendCap

ZONES = Path(__file__).resolve().parents[3] / "deploy" / "zones"
HOSTED = ("OPENAI", "GROQ", "DEEPSEEK", "MISTRAL", "OPENROUTER", "TOGETHER", "UPSTAGE")
SECRETS = {f"{name}_API_KEY": f"sk-{name.lower()}-hunter2" for name in (*HOSTED, "VLLM")}

SERVER = """zone: z
providers:
  acme:
    wire: openai
    base_url: https://acme.example/v1/
    auth: AUTH
models:
  acme/m:
    endpoints:
      - {provider: acme, upstream_model: m, context: 1000, price: {input: "1", output: "2"}}
"""


def load(tmp_path: Path, text: str, environ: dict[str, str] | None = None) -> Zone:
    path = tmp_path / "z.yaml"
    path.write_text(text)
    return load_zone(path, environ or {})


def test_one_line_is_a_zone_and_everything_else_has_its_default(tmp_path: Path) -> None:
    zone = load(tmp_path, "zone: z")
    assert (zone.name, zone.edition) == ("z", "selfhost")
    assert zone.home == tmp_path / "var"
    listen = zone.listen
    assert (listen.host, listen.port, listen.workers) == ("127.0.0.1", 8080, 1)
    assert (listen.metrics.host, listen.metrics.port) == ("127.0.0.1", 9090)
    assert (listen.public_url, listen.tls) == ("http://localhost:8080", None)
    assert (zone.outbound.proxy, zone.outbound.ca_file, zone.outbound.allow) == (None, None, ())
    assert (zone.retention.records_days, zone.retention.bodies_days) == (400, 30)
    assert (zone.auth.password, zone.auth.oidc, zone.auth.signup) == (True, None, "invite")
    assert zone.routing == Routing()
    slots = zone.components
    assert [slots.control_store.use, slots.shared_state.use, slots.event_log.use] == [
        "sqlite",
        "memory",
        "local",
    ]
    assert [slots.billing.use, slots.payments.use, slots.mail.use, slots.secrets.use] == [
        "ledger",
        "none",
        "none",
        "file",
    ]


def test_every_key_of_the_contract_is_read(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("x")
    (tmp_path / "vllm.key").write_text("sk-file\n")
    text = """
zone: kr
edition: selfhost
home: data
listen: {host: "::1", port: 0, public_url: "https://kr.example/", workers: 1,
  trusted_proxies: [10.0.0.0/8], tls: {cert_file: ca.pem, key_file: ca.pem},
  metrics: {host: 127.0.0.1, port: 0}}
outbound: {proxy: env:PROXY, ca_file: ca.pem, allow: [203.0.113.0/24, host.example]}
components:
  control_store: {use: sqlite}
  billing: {use: off}
  secrets: {use: file}
auth: {password: false, oidc: null, signup: open}
retention: {records_days: 7, bodies_days: 0}
providers:
  house-vllm:
    wire: openai
    base_url: http://10.0.0.5:8000/v1
    region: seoul
    profile: {rename: {max_completion_tokens: max_tokens}, drop: [logprobs],
      models: [{prefix: qwen3, reasoning: always}]}
    credentials: [{name: main, api_key: file:vllm.key}]
models:
  house/qwen:
    kind: chat
    endpoints:
      - {provider: house-vllm, upstream_model: qwen3-32b, context: 131072,
         price: {input: "0.20", output: "0.60", cache_read: "0.02"}}
routing: {first_token_timeout_s: {stream: 1, reasoning: 2, unary: 3}, deadline_s: 4, max_attempts: 5}
"""
    zone = load(tmp_path, text, {"PROXY": "http://user:hunter2@10.0.0.1:3128"})
    assert zone.home == tmp_path / "data"
    assert zone.outbound.proxy == "http://user:hunter2@10.0.0.1:3128"
    assert zone.outbound.ca_file == str(tmp_path / "ca.pem")
    assert zone.listen.tls is not None
    assert zone.listen.tls.cert_file == str(tmp_path / "ca.pem")
    assert zone.listen.public_url == "https://kr.example"
    assert zone.secrets == {"house-vllm": {"main": "sk-file"}}
    routing = zone.routing
    assert (routing.first_token_stream_s, routing.first_token_reasoning_s) == (1, 2)
    assert (routing.first_token_unary_s, routing.deadline_s, routing.max_attempts) == (3, 4, 5)
    provider = snapshot_of(zone, 0).providers["house-vllm"]
    assert provider.region == "seoul"
    assert provider.profile.rename == {"max_completion_tokens": "max_tokens"}
    assert provider.profile.drop == ("logprobs",)
    assert provider.profile.models == (ModelRule("qwen3", "always"),)
    assert "hunter2" not in repr(zone)


@pytest.mark.parametrize("name", ["dev", "kr", "jp", "airgap"])
def test_each_zone_that_is_shipped_loads_and_serves(name: str) -> None:
    zone = load_zone(ZONES / f"{name}.yaml", SECRETS)
    snapshot = snapshot_of(zone, created_at_ns=1)
    assert zone.name.startswith(name)
    assert snapshot.models
    left_out = {
        provider_id
        for provider_id, provider in zone.providers.items()
        if provider.credentials and all(c.optional for c in provider.credentials)
    }
    assert set(zone.providers) - left_out <= set(snapshot.providers) <= set(zone.providers)


@pytest.mark.parametrize(
    ("name", "model", "provider"),
    [
        ("kr", "naver/hcx-007", "clova"),
        ("kr", "upstage/solar-pro4", "upstage"),
        ("jp", "pfn/plamo-3.0-prime", "plamo"),
        ("jp", "openai/gpt-oss-120b", "sakura"),
        ("jp", "sakana/fugu-ultra", "sakana"),
    ],
)
def test_a_zone_in_asia_serves_what_is_made_there(name: str, model: str, provider: str) -> None:
    keys = ("CLOVASTUDIO_API_KEY", "PLAMO_API_KEY", "SAKURA_API_KEY", "SAKANA_API_KEY")
    zone = load_zone(ZONES / f"{name}.yaml", SECRETS | dict.fromkeys(keys, "k-hunter2"))
    first = snapshot_of(zone, created_at_ns=1).models[model].endpoints[0]
    assert first.provider_id == provider


def test_dev_starts_without_any_key_on_the_simulator_alone() -> None:
    zone = load_zone(ZONES / "dev.yaml", {})
    snapshot = snapshot_of(zone, created_at_ns=1)
    assert zone.home == ZONES.parents[1] / "var" / "dev"
    assert set(snapshot.providers) == {"simulator"}
    assert snapshot.providers["simulator"].bundled
    # Strict like a vendor, it refuses a request without any key.
    assert snapshot.providers["simulator"].headers == {"authorization": "Bearer bundled"}
    chats = {n for n, m in snapshot.models.items() if m.kind is ModelKind.CHAT}
    assert chats == {"simulator/chat", "simulator/reasoner", "simulator/vision"}
    assert {m.kind for m in snapshot.models.values()} == set(ModelKind), "every surface answers"
    assert snapshot.models["simulator/vision"].input_modalities == ("text", "image")
    assert snapshot.models["simulator/reasoner"].endpoints[0].reasoning
    assert all(all(m.endpoints[0].price.rates.values()) for m in snapshot.models.values())


def test_a_secret_never_shows_in_anything_a_zone_prints(caplog: pytest.LogCaptureFixture) -> None:
    zone = load_zone(ZONES / "dev.yaml", SECRETS)
    assert zone.secrets["groq"] == {"main": "sk-groq-hunter2"}
    with caplog.at_level(logging.INFO):
        logging.getLogger("test").info("%s %r", zone, zone)
    shown = "".join((str(zone), repr(zone), f"{zone}", caplog.text, str(snapshot_of(zone, 0))))
    assert "hunter2" not in shown
    assert "env:GROQ_API_KEY" in shown  # the place is no secret


def test_an_optional_credential_that_is_absent_takes_only_itself_away(tmp_path: Path) -> None:
    credentials = """[{name: a, api_key: env:A, optional: true},
      {name: b, api_key: file:b.key, optional: true}, {name: c, api_key: env:C}]"""
    text = SERVER.replace("AUTH", f"bearer\n    credentials: {credentials}")
    zone = load(tmp_path, text, {"A": "", "C": "sk-c"})
    assert zone.usable == {"acme": ("c",)}
    (tmp_path / "b.key").write_bytes(b"sk-b\r\n")
    zone = load(tmp_path, text, {"A": "sk-a", "C": "sk-c"})
    assert zone.secrets == {"acme": {"a": "sk-a", "b": "sk-b", "c": "sk-c"}}
    assert snapshot_of(zone, 0).providers["acme"].credentials == ("a", "b", "c")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"\n", "the file 'k' is empty; write the value into it"),
        (b"a\nb\n", "what it points at is no key: it holds spaces or line breaks"),
        (b"\xff", "the file 'k' is not UTF-8 text"),
        (b"x" * 70_000, "the file 'k' is larger than 65536 bytes"),
    ],
)
def test_a_key_file_must_hold_one_key(tmp_path: Path, content: bytes, problem: str) -> None:
    (tmp_path / "k").write_bytes(content)
    text = SERVER.replace("AUTH", "bearer\n    credentials: [{name: a, api_key: file:k}]")
    with pytest.raises(ZoneFaults) as caught:
        load(tmp_path, text)
    assert problem in caught.value.message


def test_secrets_from_the_environment_only_means_no_files(tmp_path: Path) -> None:
    (tmp_path / "k").write_text("sk-a")
    text = SERVER.replace("AUTH", "bearer\n    credentials: [{name: a, api_key: file:k}]")
    with pytest.raises(ZoneFaults, match="secrets is env: write env:NAME"):
        load(tmp_path, f"{text}components: {{secrets: {{use: env}}}}\n")


def test_a_server_that_needs_no_key_is_usable_without_one(tmp_path: Path) -> None:
    zone = load(tmp_path, SERVER.replace("AUTH", "none"))
    assert zone.usable == {"acme": ()}
    provider = snapshot_of(zone, 0).providers["acme"]
    assert (provider.auth, provider.credentials) == ("none", ())
    assert provider.base_url == "https://acme.example/v1"


@pytest.mark.parametrize(
    ("old", "new", "host"),
    [
        ("http://10.0.0.5:8000/v1", "https://api.example.com/v1", "api.example.com"),
        ("http://10.0.0.5:8000/v1", "http://169.254.169.254/v1", "169.254.169.254"),
        ("allow: [ollama.internal.example]", "allow: []", "ollama.internal.example"),
        ("proxy: null", "proxy: http://proxy.example:3128", "proxy.example"),
        (
            "  house-vllm:\n    like",
            (
                "  openai: {credentials: [{name: a, api_key: env:OPENAI_API_KEY}]}\n"
                "  house-vllm:\n    like"
            ),
            "api.openai.com",
        ),
    ],
)
def test_an_airgap_zone_refuses_what_is_outside(
    tmp_path: Path, old: str, new: str, host: str
) -> None:
    text = (ZONES / "airgap.yaml").read_text()
    assert old in text
    with pytest.raises(ZoneFaults) as caught:
        load(tmp_path, text.replace(old, new), SECRETS)
    assert len(caught.value.faults) == 1
    assert f"{host!r} is not a private address" in caught.value.message
    # The same addresses are no fault in an edition that may reach the internet.
    open_text = text.replace("edition: airgap", "edition: selfhost")
    assert load(tmp_path, open_text.replace(old, new), SECRETS).name == "airgap-site1"


def test_what_outbound_allow_lists_is_inside_an_airgap(tmp_path: Path) -> None:
    text = (ZONES / "airgap.yaml").read_text().replace("10.0.0.5", "203.0.113.7")
    text = text.replace("allow: [", "allow: [203.0.113.0/24, ")
    assert load(tmp_path, text, SECRETS).outbound.allow[0] == "203.0.113.0/24"


def test_a_provider_may_share_the_profile_of_a_known_one_but_not_its_address(
    tmp_path: Path,
) -> None:
    zone = load(tmp_path, SERVER.replace("wire: openai", "like: groq").replace("AUTH", "none"))
    known = load_zone(ZONES / "dev.yaml", SECRETS)
    mine, groq = snapshot_of(zone, 0).providers["acme"], snapshot_of(known, 0).providers["groq"]
    assert mine.profile == groq.profile
    assert (mine.name, mine.base_url) == ("acme", "https://acme.example/v1")
    with pytest.raises(ZoneFaults, match="the catalogue does not know where this one is"):
        load(
            tmp_path, SERVER.replace("wire: openai", "like: groq").replace("    base_url", "    # ")
        )


def test_an_unchanged_zone_has_an_unchanged_version(tmp_path: Path) -> None:
    text = SERVER.replace("AUTH", "none")
    first = snapshot_of(load(tmp_path, text), 1)
    again = snapshot_of(load(tmp_path, f"# a comment\n{text}"), 2)
    assert first.version == again.version
    assert first.created_at_ns != again.created_at_ns
    for old, new in (('"2"', '"3"'), ("context: 1000", "context: 1001"), ("zone: z", "zone: y")):
        assert snapshot_of(load(tmp_path, text.replace(old, new)), 1).version != first.version


def test_a_home_elsewhere_is_kept_as_it_is(tmp_path: Path) -> None:
    assert load(tmp_path, "zone: z\nhome: /srv/og").home == Path("/srv/og")
    assert load(tmp_path, "zone: z\nhome: ../x").home == tmp_path.parent / "x"


def test_teams_have_ceilings_of_their_own_and_credentials_caps_and_domains(tmp_path: Path) -> None:
    text = SERVER.replace("auth: AUTH", "credentials: [CREDENTIAL]").replace(
        "CREDENTIAL",
        "{name: main, api_key: env:ACME, cache_domain: org, spend_cap_usd: '2.5',"
        " spend_cap_per: month}",
    )
    text += "routing: {teams: {team_1: {only: [acme], zdr: true}}}\n"
    zone = load(tmp_path, text, {"ACME": "sk"})
    snapshot = snapshot_of(zone, created_at_ns=0)
    assert snapshot.team_policies == {"team_1": RoutingPolicy(only=("acme",), zdr=True)}
    acme = snapshot.providers["acme"]
    assert acme.cache_domains == {"main": "org"}
    assert acme.spend_caps == {"main": SpendCap(2_500_000_000, "month")}
    bare = snapshot_of(load(tmp_path, text.split("routing:")[0], {"ACME": "sk"}), created_at_ns=0)
    assert bare.version != snapshot.version, "gateways take it up"


@pytest.mark.parametrize("cap", ["'-1'", "lots", "'1e9'"])
def test_a_cap_that_is_no_amount_is_refused(tmp_path: Path, cap: str) -> None:
    credential = f"credentials: [{{name: main, api_key: env:ACME, spend_cap_usd: {cap}}}]"
    with pytest.raises(ZoneFaults, match="spend_cap_usd"):
        load(tmp_path, SERVER.replace("auth: AUTH", credential), {"ACME": "sk"})
