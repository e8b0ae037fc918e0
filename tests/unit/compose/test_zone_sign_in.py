from __future__ import annotations

from pathlib import Path

import pytest

from opengateway.compose.faults import ZoneFaults
from opengateway.compose.sign_in import open_sign_in, plan_of
from opengateway.compose.zone import Zone, load_zone
from opengateway.infra.mail.none import NoMail
from opengateway.infra.mail.smtp import SmtpMailer
from opengateway.kit.clock import ManualClock

ENVIRON = {"OIDC_SECRET": "canary-oidc", "SMTP_PASSWORD": "canary-smtp"}
WHOLE = """zone: z
listen: {public_url: "https://og.example"}
components:
  mail:
    use: smtp
    host: mail.example
    port: 465
    tls: tls
    from: OpenGateway <no-reply@og.example>
    username: og
    password: env:SMTP_PASSWORD
auth:
  signup: domains
  domains: [example.com]
  session: {idle_s: 600, absolute_s: 3600}
  oidc:
    issuer: https://idp.example/realm
    client_id: og
    client_secret: env:OIDC_SECRET
    hosts: [keys.idp.example]
    grants: [{group: ops, team: Research, role: admin}]
"""


def load(tmp_path: Path, text: str) -> Zone:
    path = tmp_path / "z.yaml"
    path.write_text(text)
    return load_zone(path, ENVIRON)


def faults(tmp_path: Path, text: str) -> str:
    with pytest.raises(ZoneFaults) as found:
        load(tmp_path, text)
    return found.value.message


async def test_a_zone_says_how_one_signs_in_and_who_sends_its_mail(tmp_path: Path) -> None:
    zone = load(tmp_path, WHOLE)
    plan = plan_of(zone, {1: b"k" * 32})
    assert (plan.settings.idle_s, plan.settings.absolute_s) == (600, 3600)
    assert plan.settings.domains == ("example.com",)
    assert plan.settings.secure
    assert plan.settings.oidc is not None
    assert plan.settings.oidc.client_secret == "canary-oidc"
    assert plan.settings.oidc.grants[0].role == "admin"
    assert plan.provider is not None
    assert plan.provider.hosts == ("keys.idp.example",)
    assert plan.smtp is not None
    assert plan.smtp.password == "canary-smtp"
    assert plan.smtp.options.from_ == "OpenGateway <no-reply@og.example>"
    house = open_sign_in(plan, ManualClock())
    assert isinstance(house.mail, SmtpMailer)
    assert house.tools.identity_provider is not None
    await house.aclose()
    for shown in (zone, plan, house, plan.settings):
        assert "canary" not in repr(shown)


async def test_without_a_word_there_are_passwords_invitations_and_no_mail(tmp_path: Path) -> None:
    plan = plan_of(load(tmp_path, "zone: z"), {1: b"k" * 32})
    assert (plan.settings.password, plan.settings.signup, plan.settings.oidc) == (
        True,
        "invite",
        None,
    )
    house = open_sign_in(plan, ManualClock())
    assert isinstance(house.mail, NoMail)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("env:OIDC_SECRET", "canary", "auth.oidc.client_secret: a secret may not stand in this"),
        ("env:OIDC_SECRET", "env:MISSING", "'MISSING' is not set"),
        ("env:SMTP_PASSWORD", "canary", "components.mail.password: a secret may not stand in this"),
        ("https://idp", "http://idp", "auth.oidc.issuer: must begin with https://"),
        ("domains: [example.com]", "domains: [EXAMPLE.com]", "auth.domains[0]"),
        ("domains: [example.com]", "domains: []", "auth.domains: is missing"),
        ("idle_s: 600", "idle_s: 6000", "auth.session.idle_s: is longer than absolute_s"),
        ("role: admin", "role: owner", "auth.oidc.grants[0].role: expected one of admin,"),
        ("username: og", "username: null", "username and password go together"),
        ("tls: tls", '"tls": "off"', "components.mail.tls: is off"),
        ("tls: tls", "tls: maybe", "components.mail.tls: expected one of starttls, tls, off"),
        ("from: OpenGateway <no-reply@og.example>", "from: nobody", "components.mail.from"),
        ("host: mail.example", "hots: mail.example", "components.mail.host: is missing"),
        ("    client_id: og\n", "", "auth.oidc.client_id: is missing"),
        ("    client_id: og\n", "    client_id: og\n    scopes: [email]\n", "must hold openid"),
        (
            "    client_id: og\n",
            "    client_id: og\n    algorithms: [none]\n",
            "auth.oidc.algorithms",
        ),
        (
            "    client_id: og\n",
            "    client_id: og\n    algorithms: [HS256]\n",
            "auth.oidc.algorithms",
        ),
    ],
)
def test_each_fault_names_its_key(tmp_path: Path, old: str, new: str, fault: str) -> None:
    text = WHOLE.replace(old, new)
    assert text != WHOLE
    told = faults(tmp_path, text)
    assert fault in told
    assert "canary" not in told


def test_nobody_signs_up_alone_where_no_mail_can_prove_an_address(tmp_path: Path) -> None:
    told = faults(tmp_path, "zone: z\nauth: {signup: open}")
    assert "auth.signup: is open, and nobody can prove their address without mail" in told
    assert "nobody could sign in" in faults(tmp_path, "zone: z\nauth: {password: false}")


def test_an_airgap_asks_nobody_outside(tmp_path: Path) -> None:
    told = faults(tmp_path, WHOLE.replace("zone: z", "zone: z\nedition: airgap"))
    for part in ("auth.oidc.issuer: 'idp.example'", "auth.oidc.hosts", "components.mail.host"):
        assert part in told
    inside = WHOLE.replace("zone: z", "zone: z\nedition: airgap").replace(
        "components:",
        "outbound: {allow: [idp.example, keys.idp.example, mail.example]}\ncomponents:",
    )
    load(tmp_path, inside)
