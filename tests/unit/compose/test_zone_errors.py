"""Each mistake in a zone file: the exact words, and the exact line."""

from __future__ import annotations

from pathlib import Path

import pytest

from opengateway.compose.faults import MAX_SHOWN, ZoneFaults
from opengateway.compose.yaml_tree import MAX_BYTES
from opengateway.compose.zone import load_zone
from opengateway.domain.catalog import Wire

ENVIRON = {"KEY": "sk-from-the-environment", "PORT": "x8080", "BROKEN": "two words"}


def faults_of(tmp_path: Path, text: str | bytes) -> list[str]:
    """What loading `text` as z.yaml complains about."""
    path = tmp_path / "z.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ZoneFaults) as caught:
        load_zone(path, ENVIRON)
    return list(caught.value.faults)


PROVIDER = """zone: z
providers:
  acme:
    wire: openai
    base_url: https://acme.example/v1
    credentials: [{name: main, api_key: env:KEY}]
"""
MODEL = f"""{PROVIDER}models:
  house/m:
    endpoints:
      - provider: acme
        upstream_model: m
        context: 1000
        price: {{input: "1", output: "2"}}
"""

SHAPES = {
    "listen: {port: 1}": "z.yaml:1: zone: is missing; it has no default",
    "zone: Korea": "z.yaml:1: zone: expected a name of lower-case letters, digits and -,"
    " got a string",
    "zone: no": "z.yaml:1: zone: expected a name of lower-case letters, digits and -, got false;"
    " put it in quotes",
    "zone: z\nxyz: 1": "z.yaml:2: xyz: unknown key; known here: zone, edition, home, listen,"
    " outbound, components, auth, retention, providers, models, pricing, routing,"
    " selling, smoke, telemetry, updates, zones",
    "zone: z\nzones: {z: 'https://z.example'}": "z.yaml:2: zones.z: this is the zone itself; list the"
    " others",
    "zone: z\nzones: {JP: 'https://z.example'}": "z.yaml:2: zones.JP: a zone's name is lower-case"
    " letters, digits and -",
    "zone: z\nzones: {jp: nowhere}": "z.yaml:2: zones.jp: expected a URL such as"
    " https://jp.example.com",
    "zone: z\nediton: saas": "z.yaml:2: editon: unknown key; did you mean 'edition'?",
    "zone: z\nauth:\n  ldap: {}": "z.yaml:3: auth.ldap: unknown key; known here: password, oidc,"
    " signup, domains, session",
    "zone: z\nedition: cloud": "z.yaml:2: edition: expected one of saas, selfhost, airgap;"
    " got 'cloud'",
    "zone: z\nauth: {signup: maybe}": "z.yaml:2: auth.signup: expected one of open, domains,"
    " invite; got 'maybe'",
    "zone: z\nauth: {oidc: {issuer: a}}": "z.yaml:2: auth.oidc.client_id: is missing; it has no"
    " default",
    "zone: z\nlisten: [1]": "z.yaml:2: listen: expected a mapping of keys to values, got a list",
    "zone: z\nlisten:\n  host: a\n  port: 70000": "z.yaml:4: listen.port: expected a port, 0 to"
    " 65535, got 70000",
    "zone: z\nlisten: {port: '8080'}": "z.yaml:2: listen.port: expected a port, 0 to 65535,"
    " got a string",
    "zone: z\nlisten: {port: env:PORT}": "z.yaml:2: listen.port: expected a port, 0 to 65535,"
    " got a string",
    "zone: z\nlisten: {port: env:NONE}": "z.yaml:2: listen.port: the environment variable 'NONE'"
    " is not set; set it",
    "zone: z\nlisten: {host: }": "z.yaml:2: listen.host: expected an address or host name,"
    " got nothing",
    "zone: z\nlisten: {workers: 2}": "z.yaml:2: listen.workers: 2 gateways need"
    " components.shared_state: {use: valkey}; set that, or workers: 1",
    "zone: z\nlisten: {port: 9090}": "z.yaml:2: listen.metrics.port: 9090 is the public port;"
    " give another one",
    "zone: z\nlisten: {trusted_proxies: [lb]}": "z.yaml:2: listen.trusted_proxies[0]: expected an"
    " address or a CIDR such as 10.0.0.0/8",
    "zone: z\nlisten: {tls: {cert_file: a, key_file: z.yaml}}": "z.yaml:2: listen.tls.cert_file:"
    " there is no file 'a'; relative paths start at the zone file",
    "zone: z\noutbound: {allow: [http://a]}": "z.yaml:2: outbound.allow[0]: expected a host name,"
    " an address or a CIDR such as 203.0.113.0/24",
    "zone: z\noutbound: {proxy: ftp://u:secret@a}": "z.yaml:2: outbound.proxy: expected a URL such"
    " as http://10.0.0.1",
    "zone: z\nrouting: {deadline_s: .nan}": "z.yaml:2: routing.deadline_s: expected seconds above"
    " 0, up to 86400, got nan",
    "zone: z\nrouting:\n  first_token_timeout_s: {stream: 0}": "z.yaml:3:"
    " routing.first_token_timeout_s.stream: expected seconds above 0, up to 86400, got 0",
    "zone: z\nretention: {records_days: -1}": "z.yaml:2: retention.records_days: expected days, 0"
    " to 3650, got -1",
    "zone: z\ncomponents: {cache: {use: memory}}": "z.yaml:2: components.cache: unknown key; known"
    " here: control_store, shared_state, event_log, billing, payments, mail, secrets",
    "zone: z\ncomponents: {mail: smtp}": "z.yaml:2: components.mail: expected {use: NAME} and the"
    " options of what is named",
    "zone: z\ncomponents:\n  billing: {use: free}": "z.yaml:3: components.billing.use: 'free'"
    " is not part of this version; available: ledger, off",
    "zone: z\ncomponents: {event_log: {use: none}}": "z.yaml:2: components.event_log.use: this"
    " edition needs it; it cannot be left out",
    "zone: z\ncomponents: {control_store: {use: sqlite, url: x}}": "z.yaml:2:"
    " components.control_store.url: unknown key; none is read",
}


@pytest.mark.parametrize(("text", "fault"), SHAPES.items(), ids=range(len(SHAPES)))
def test_a_fault_names_its_line_its_key_and_what_to_do(
    tmp_path: Path, text: str, fault: str
) -> None:
    assert faults_of(tmp_path, text) == [fault]


WIRES = ", ".join(Wire)
# (line of PROVIDER to replace, by what, the fault)
PROVIDERS = [
    ("wire: openai", "wire: soap", f"4: providers.acme.wire: expected one of {WIRES}; got 'soap'"),
    ("wire: openai", "like: acme", "4: providers.acme.like: 'acme' is not in the catalogue; known"),
    ("  acme:", "  Acme!:", "3: providers.Acme!: a provider's id is lower-case letters, digits"),
    ("https://acme.example/v1", "acme.example", "5: providers.acme.base_url: expected a URL such"),
    (
        "https://acme.example/v1",
        "https://u:hunter2@acme.example/v1",
        (
            "5: providers.acme.base_url: a URL may not hold a user or password; put the secret into"
            " credentials"
        ),
    ),
    ("/v1", "/v1?key=hunter2", "5: providers.acme.base_url: expected a URL such as"),
    (
        "env:KEY",
        "sk-hunter2",
        (
            "6: providers.acme.credentials[0].api_key: a secret may not stand in this file; put it into"
            " a variable and write env:NAME, or into a file and write file:PATH"
        ),
    ),
    (
        "env:KEY",
        "env:ABSENT",
        (
            "6: providers.acme.credentials[0].api_key: the environment variable 'ABSENT' is not set;"
            " set it, or add optional: true"
        ),
    ),
    (
        "env:KEY",
        "file:absent.key",
        (
            "6: providers.acme.credentials[0].api_key: there is no file 'absent.key'; create it, or add"
            " optional: true"
        ),
    ),
    (
        "env:KEY",
        "env:BROKEN",
        (
            "6: providers.acme.credentials[0].api_key: what it points at is no key: it holds spaces or"
            " line breaks"
        ),
    ),
    ("env:KEY", "env:not-a-name", "6: providers.acme.credentials[0].api_key: expected env:NAME"),
    ("api_key: env:KEY", "key: x", "6: providers.acme.credentials[0].key: unknown key; did you"),
    ("[{name: main", "[{name: Main Key", "6: providers.acme.credentials[0].name: expected a name"),
    (
        "credentials: [{name: main, api_key: env:KEY}]",
        "region: seoul",
        (
            "3: providers.acme.credentials: is missing: give [{name: main, api_key: env:NAME}], or"
            " auth: none if it needs no key"
        ),
    ),
]


@pytest.mark.parametrize(("old", "new", "fault"), PROVIDERS, ids=range(len(PROVIDERS)))
def test_a_providers_fault_is_told_without_its_secret(
    tmp_path: Path, old: str, new: str, fault: str
) -> None:
    faults = faults_of(tmp_path, PROVIDER.replace(old, new))
    assert faults[0].startswith(f"z.yaml:{fault}")
    assert "hunter2" not in "\n".join(faults)


@pytest.mark.parametrize(
    ("extra", "fault"),
    [
        (
            "headers: {Authorization: Bearer hunter2}",
            (
                "providers.acme.headers.Authorization: carries a secret; give it as a credential, and"
                " its header as auth"
            ),
        ),
        ("headers: {Host: a}", "providers.acme.headers.Host: is set by the gateway; leave it out"),
        (
            'headers: {x-title: "a\\nb"}',
            "providers.acme.headers.x-title: is not a header: plain ASCII on one line is expected",
        ),
        ("auth: Bearer token", "providers.acme.auth: expected bearer, none, or the name of a"),
        ("auth: none", "providers.acme.credentials: auth is none, so no credential is sent; drop"),
        ("country: NO", "providers.acme.country: expected a string, got false; put it in quotes"),
        ("profile: {renam: {a: b}}", "providers.acme.profile.renam: unknown key; did you mean"),
        ("profile: {drop: logprobs}", "providers.acme.profile.drop: expected a list, got a string"),
        ("profile: {max_n: many}", "providers.acme.profile.max_n: expected a whole number, got a"),
    ],
)
def test_a_providers_extras_are_checked_too(tmp_path: Path, extra: str, fault: str) -> None:
    faults = faults_of(tmp_path, f"{PROVIDER}    {extra}\n")
    assert any(fault in line for line in faults), faults
    assert "hunter2" not in "\n".join(faults)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            "house/m",
            "m",
            "8: models.m: a model's id is owner/name in lower case, such as house/qwen",
        ),
        (
            "provider: acme",
            "provider: acmee",
            (
                "10: models.house/m.endpoints[0].provider: 'acmee' is not among this zone's providers:"
                " acme"
            ),
        ),
        ("context: 1000", "context: 0", "12: models.house/m.endpoints[0].context: expected a num"),
        (
            'input: "1"',
            "input: 1.5",
            (
                "13: models.house/m.endpoints[0].price.input: expected a string, got 1.5; put it in"
                " quotes"
            ),
        ),
        (
            'input: "1"',
            'input: "-1"',
            (
                "13: models.house/m.endpoints[0].price.input: expected US dollars per million units,"
                " such as '0.20': digits with at most 9 decimals, below 1000000"
            ),
        ),
        (
            ', output: "2"',
            "",
            "13: models.house/m.endpoints[0].price.output: is missing; a chat model needs it",
        ),
        (
            'output: "2"',
            'output: "2", effective_from: 2026-02-30',
            "13: models.house/m.endpoints[0].price.effective_from: expected a date as YYYY-MM-DD",
        ),
        (
            "context: 1000",
            "context: 1000\n        max_output: 1001",
            "13: models.house/m.endpoints[0].max_output: is larger than context, 1000",
        ),
        ("    endpoints:", "    kind: chatt\n    endpoints:", "9: models.house/m.kind: expected"),
        (
            "    endpoints:",
            "    aliases: [x]\n  house/n:\n    aliases: [x]\n    endpoints:",
            "8: models.house/m.endpoints: is missing: a model of yours needs at least one",
        ),
    ],
)
def test_a_models_fault_names_the_endpoint(tmp_path: Path, old: str, new: str, fault: str) -> None:
    assert faults_of(tmp_path, MODEL.replace(old, new))[0].startswith(f"z.yaml:{fault}")


def test_two_models_may_not_share_an_alias(tmp_path: Path) -> None:
    block = MODEL.partition("models:\n")[2].replace(
        "    endpoints:", "    aliases: [x]\n    endpoints:"
    )
    second = block.replace("house/m", "house/n").replace("upstream_model: m", "upstream_model: n")
    assert faults_of(tmp_path, f"{PROVIDER}models:\n{block}{second}") == [
        (
            "z.yaml:7: models: alias 'x' is given to both 'house/m' and 'house/n'; take it from one of"
            " them"
        )
    ]


YAML = {
    "": "z.yaml: the zone file is empty; it begins with `zone: NAME`",
    "- a": "z.yaml:1: expected a mapping of keys to values at the top",
    "zone: z\nzone: y": "z.yaml:2: the key 'zone' stands twice; first on line 1",
    "zone: &a z\nhome: *a": "z.yaml:1: anchors and aliases are not read; write the value out",
    "zone: z\nhome: *a": "z.yaml:2: anchors and aliases are not read; write the value out",
    "zone: !!python/object/apply:os.system [id]": "z.yaml:1: the tag"
    " 'tag:yaml.org,2002:python/object/apply:os.system' is not read; leave it out",
    "zone: !secret z": "z.yaml:1: the tag '!secret' is not read; leave it out",
    "zone: z\n? [a]\n: b": "z.yaml:2: a key must be a plain word",
    "zone: z\n listen: {": "z.yaml:2: not YAML: mapping values are not allowed",
    "zone: z\nhome: 'a": "z.yaml:2: not YAML: found unexpected end of stream",
    "zone: z\nhome: a\x07": "z.yaml:2: not YAML: a control character stands here",
    "zone: z\n---\nzone: y": "z.yaml:2: not YAML: but found another document",
    "zone: z\nlisten: {port: 1" + "0" * 5000 + "}": "z.yaml:2: a number that cannot be read; put"
    " text in quotes",
    "zone: [" + "1," * 60_000 + "]": "z.yaml:1: more than 50000 keys and values",
    "zone: " + "[" * 100_000: "z.yaml:1: nested deeper than 24 levels",
}


@pytest.mark.parametrize(("text", "fault"), YAML.items(), ids=range(len(YAML)))
def test_what_is_not_plain_yaml_is_refused_with_its_line(
    tmp_path: Path, text: str, fault: str
) -> None:
    (told,) = faults_of(tmp_path, text)
    assert told.startswith(fault)  # libyaml and PyYAML word some of them differently


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    assert faults_of(tmp_path, b"zone: z\nhome: \xff\xfe") == [
        "z.yaml:2: not UTF-8 text; save the file as UTF-8"
    ]
    assert faults_of(tmp_path, b"#" * (MAX_BYTES + 1)) == [
        f"z.yaml: the zone file is larger than {MAX_BYTES} bytes"
    ]
    with pytest.raises(ZoneFaults, match=r"^no\.yaml: the zone file cannot be read: no such file"):
        load_zone(tmp_path / "no.yaml", {})


def test_every_fault_is_told_not_only_the_first(tmp_path: Path) -> None:
    # A provider that cannot be read is still declared: models that name it are not at fault.
    text = MODEL.replace("zone: z", "zone: Z").replace("wire: openai", "wire: soap")
    text = text.replace('output: "2"', 'output: "x"')
    text += "listen: {workers: 2}\ncomponents: {mail: {use: pigeon}}\nhomee: a\n"
    text += "outbound: {allow: [a/b]}\n"
    assert [line.partition(": ")[2].split(": ")[0] for line in faults_of(tmp_path, text)] == [
        "zone",
        "providers.acme.wire",
        "models.house/m.endpoints[0].price.output",
        "listen.workers",
        "components.mail.use",
        "homee",
        "outbound.allow[0]",
    ]


def test_the_message_of_many_faults_is_one_line_and_says_how_many(tmp_path: Path) -> None:
    path = tmp_path / "z.yaml"
    path.write_text("zone: z\nhomee: a\nlistenn: b\n")
    with pytest.raises(ZoneFaults) as caught:
        load_zone(path, {})
    assert caught.value.message == (
        "z.yaml:2: homee: unknown key; did you mean 'home'?"
        " (and 1 more: opengateway doctor lists them all)"
    )


def test_a_flood_of_faults_is_cut(tmp_path: Path) -> None:
    text = "zone: z\n" + "".join(f"wrong{n}: 1\n" for n in range(500))
    faults = faults_of(tmp_path, text)
    assert len(faults) == MAX_SHOWN + 1
    assert faults[-1] == "z.yaml: and 400 more faults"
