"""Credentials of the clouds: what a zone file may say of them, and what is made of it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from contract.transport_case import post
from opengateway.compose.credentials import Credentials
from opengateway.compose.doctor import doctor
from opengateway.compose.faults import ZoneFaults
from opengateway.compose.provider_secrets import AccessToken, AwsKeys, ServiceAccount
from opengateway.compose.references import References
from opengateway.compose.zone import Zone, load_zone, snapshot_of
from opengateway.infra.authorizers import AwsSigner, FileToken
from opengateway.infra.google_tokens import GoogleTokens
from opengateway.infra.transports import new_transport
from opengateway.kit.clock import ManualClock
from unit.infra.test_google_tokens import PEM

ENV = {"ID": "AKIDEXAMPLE", "SECRET": "s3cret-key", "TOKEN": "t0ken", "KEY": "a-key"}
ACCOUNT = {"type": "service_account", "client_email": "a@p.example", "private_key": PEM}
HEAD = "zone: z\nhome: var\nproviders:\n"


def write(folder: Path, providers: str, **account: str) -> Path:
    (folder / "account.json").write_text(json.dumps(ACCOUNT | account))
    (folder / "token").write_text("f1\n")
    path = folder / "z.yaml"
    path.write_text(HEAD + providers)
    return path


def zone(folder: Path, providers: str, **account: str) -> Zone:
    return load_zone(write(folder, providers, **account), ENV)


def faults(folder: Path, providers: str, **account: str) -> list[str]:
    with pytest.raises(ZoneFaults) as caught:
        zone(folder, providers, **account)
    return caught.value.faults


ALL = """\
  bedrock:
    regions: [us-east-1, eu-west-1]
    credentials:
      - {name: keys, aws_access_key_id: AKIDPLAIN, aws_secret_access_key: env:SECRET, region: us-east-1}
      - {name: session, aws_access_key_id: env:ID, aws_secret_access_key: env:SECRET, aws_session_token: env:TOKEN}
      - {name: key, api_key: env:KEY}
  google-vertex:
    project: my-project
    credentials: [{name: main, service_account: file:account.json}]
  azure:
    resource: mine
    credentials: [{name: entra, access_token: file:token}, {name: key, api_key: env:KEY}]
"""


async def test_each_form_becomes_what_proves_itself_in_its_way(tmp_path: Path) -> None:
    made = zone(tmp_path, ALL)
    keys = made.secrets["bedrock"]["keys"]
    assert isinstance(keys, AwsKeys)
    assert (keys.key.access_key_id, keys.key.session_token) == ("AKIDPLAIN", None)
    session = made.secrets["bedrock"]["session"]
    assert isinstance(session, AwsKeys)
    assert (session.key.access_key_id, session.key.session_token) == ("AKIDEXAMPLE", "t0ken")
    assert isinstance(made.secrets["google-vertex"]["main"], ServiceAccount)
    assert isinstance(made.secrets["azure"]["entra"], AccessToken)
    transport = new_transport()
    source = Credentials(made.secrets, References(tmp_path, ENV), transport, ManualClock())
    snapshot = snapshot_of(made, 0)
    found = source.of(snapshot)
    kinds = {place: type(c.authorizer) for place, c in found.items() if c.authorizer}
    assert kinds == {
        ("bedrock", "keys"): AwsSigner,
        ("bedrock", "session"): AwsSigner,
        ("google-vertex", "main"): GoogleTokens,
        ("azure", "entra"): FileToken,
    }
    bedrock = found["bedrock", "keys"]
    assert bedrock.origin == "https://bedrock-runtime.us-east-1.amazonaws.com:443"
    assert bedrock.origins == ("https://bedrock-runtime.eu-west-1.amazonaws.com:443",)
    plain = found["azure", "key"]
    assert (plain.header, plain.prefix, plain.secret) == ("api-key", "", "a-key")
    assert found["bedrock", "key"].prefix == "Bearer "
    again = source.of(snapshot)
    assert again["google-vertex", "main"].authorizer is found["google-vertex", "main"].authorizer
    entra = found["azure", "entra"].authorizer
    assert entra is not None
    assert await entra.authorize(post("https://x")) == {"authorization": "Bearer f1"}
    await transport.aclose()


def test_nothing_shows_a_secret(tmp_path: Path) -> None:
    made = zone(tmp_path, ALL)
    shown = repr(made) + repr(made.secrets)
    for secret in ("s3cret-key", "t0ken", "f1'", "BEGIN"):
        assert secret not in shown
    out = io.StringIO()
    assert doctor(made.path, ENV, out) == 0
    told = out.getvalue()
    assert "s3cret" not in told
    assert "keys (signs each request), session (signs each request), key" in told
    assert "main (service account a@p.example)" in told
    assert "entra (access token), key (header api-key)" in told
    assert "eu-west-1: https://bedrock-runtime.eu-west-1.amazonaws.com" in told


WRONG: list[tuple[str, str]] = [
    ("  openai:\n    credentials: [{name: a}]\n", "give one of api_key, access_token"),
    (
        "  bedrock:\n    credentials: [{name: a, api_key: env:KEY, access_token: env:TOKEN}]\n",
        "not api_key and access_token",
    ),
    (
        "  bedrock:\n    credentials: [{name: a, aws_access_key_id: env:ID}]\n",
        "aws_secret_access_key is missing",
    ),
    (
        "  bedrock:\n    credentials: [{name: a, api_key: env:KEY, aws_session_token: env:TOKEN}]\n",
        "aws_access_key_id is missing",
    ),
    (
        "  anthropic:\n    credentials: [{name: a, aws_access_key_id: A, aws_secret_access_key: env:SECRET}]\n",
        "does not sign requests",
    ),
    (
        "  anthropic:\n    credentials: [{name: a, service_account: file:account.json}]\n",
        "knows no service accounts",
    ),
    (
        "  bedrock:\n    credentials: [{name: a, aws_access_key_id: A, aws_secret_access_key: abc}]\n",
        "a secret may not stand in this file",
    ),
    (
        "  google-vertex:\n    project: p\n    credentials: [{name: a, service_account: file:token}]\n",
        "not the JSON key file",
    ),
    (
        "  google-vertex:\n    credentials: [{name: a, api_key: env:KEY}]\n",
        "providers.google-vertex.project: is missing",
    ),
    (
        "  azure:\n    credentials: [{name: a, api_key: env:KEY}]\n",
        "providers.azure.resource: is missing",
    ),
    (
        "  azure:\n    resource: ../x\n    credentials: [{name: a, api_key: env:KEY}]\n",
        "providers.azure.resource",
    ),
]


@pytest.mark.parametrize(("providers", "says"), WRONG)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, providers: str, says: str) -> None:
    found = faults(tmp_path, providers)
    assert len(found) == 1
    assert says in found[0]
    assert "s3cret" not in found[0]


def test_an_account_is_used_at_googles_alone_or_where_the_zone_allows(tmp_path: Path) -> None:
    text = "  google-vertex:\n    project: p\n    credentials: [{name: a, service_account: file:account.json}]\n"
    for uri in ("https://evil.example/token", "http://oauth2.googleapis.com/token",
                "https://u@oauth2.googleapis.com/", "ftp://x"):  # fmt: skip
        (fault,) = faults(tmp_path, text, token_uri=uri)
        assert "is not Google's" in fault
    assert zone(tmp_path, text, token_uri="https://oauth2.googleapis.com/token")
    allowed = text + "outbound: {allow: [evil.example]}\n"
    assert zone(tmp_path, allowed, token_uri="https://evil.example/token")
    assert zone(tmp_path, text, token_uri="http://127.0.0.1:9/token")


def test_optional_credentials_that_are_absent_are_left_out(tmp_path: Path) -> None:
    made = zone(
        tmp_path,
        "  bedrock:\n    credentials:\n"
        "      - {name: a, aws_access_key_id: env:NONE, aws_secret_access_key: env:NONE, optional: true}\n"
        "      - {name: b, access_token: env:NONE, optional: true}\n"
        "  openai:\n    credentials: [{name: c, api_key: env:KEY}]\n",
    )
    assert set(made.secrets) == {"openai"}
