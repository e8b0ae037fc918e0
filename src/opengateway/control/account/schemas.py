"""Bodies of what a person does with their own account. Secrets are in no repr."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from opengateway.control.bodies import AtNs, example, input_example

_MAX_PASSWORD = 1_024
_EXAMPLE_ID = "0192f0c1a2b37c4d8e9fa0b1c2d3e4f7"


class MyUser(BaseModel):
    id: str
    email: str
    name: str
    locale: str
    email_verified: bool
    created_at_ns: AtNs
    has_password: bool
    factors: list[str] = Field(description="What is asked for after a password.")


class MyTeam(BaseModel):
    id: str
    name: str
    role: str


class Me(BaseModel):
    model_config = example(
        user={
            "id": f"usr_{_EXAMPLE_ID}",
            "email": "mina@example.com",
            "name": "Mina",
            "locale": "ko",
            "email_verified": True,
            "created_at_ns": 1_764_000_000_000_000_000,
            "has_password": True,
            "factors": ["totp", "recovery_code"],
        },
        teams=[{"id": f"team_{_EXAMPLE_ID}", "name": "Research", "role": "owner"}],
        platform_role=None,
        session_id=f"ses_{_EXAMPLE_ID}",
        step_up_at_ns=1_764_000_000_000_000_000,
        csrf_token="mW3x8pJ6hJkq0y9n2s4v6b8d0f2h4j6l8n0p2r4t6v8",
    )

    user: MyUser
    teams: list[MyTeam]
    platform_role: str | None
    session_id: str
    step_up_at_ns: AtNs | None = Field(
        description="When you last proved who you are. What needs it asks again after 10 minutes."
    )
    csrf_token: str = Field(repr=False)


class MePatch(BaseModel):
    """What is left out stays."""

    model_config = input_example(name="Mina", locale="ko")

    name: str | None = Field(None, min_length=1, max_length=80)
    locale: str | None = Field(None, max_length=8)


class PasswordChange(BaseModel):
    model_config = input_example(current="the old one, all of it", password="a longer new one")

    current: str | None = Field(
        None,
        min_length=1,
        max_length=_MAX_PASSWORD,
        repr=False,
        description="May be left out where the account has none yet; then a step-up is needed.",
    )
    password: str = Field(min_length=1, max_length=_MAX_PASSWORD, repr=False)


class NewSession(BaseModel):
    """The session goes on under a new cookie."""

    csrf_token: str = Field(repr=False)


class TotpBegun(BaseModel):
    """Shown once. `uri` is for a QR code, `secret` for typing."""

    secret: str = Field(repr=False)
    uri: str = Field(repr=False)


class TotpCode(BaseModel):
    model_config = input_example(code="492039")

    code: str = Field(min_length=6, max_length=6, repr=False)


class FactorOn(BaseModel):
    """`recovery_codes` are shown once, and only when there were none before."""

    csrf_token: str = Field(repr=False)
    recovery_codes: list[str] | None = Field(None, repr=False)


class RecoveryCodes(BaseModel):
    recovery_codes: list[str] | None = Field(repr=False)


class PasskeyView(BaseModel):
    model_config = example(
        id=f"pkey_{_EXAMPLE_ID}",
        name="Laptop",
        created_at_ns=1_764_000_000_000_000_000,
        used_at_ns=None,
        backed_up=True,
    )

    id: str
    name: str
    created_at_ns: AtNs
    used_at_ns: AtNs | None
    backed_up: bool


class PasskeyList(BaseModel):
    data: list[PasskeyView]


class NewPasskey(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    credential: dict[str, Any] = Field(
        repr=False, description="What the browser's `PublicKeyCredential.toJSON()` gives."
    )
    name: str = Field("Passkey", min_length=1, max_length=80)


class PasskeyMade(BaseModel):
    passkey: PasskeyView
    csrf_token: str = Field(repr=False)
    recovery_codes: list[str] | None = Field(None, repr=False)


class StepUp(BaseModel):
    """One proof. Whoever has a second factor gives that one, not the password."""

    model_config = ConfigDict(extra="forbid", strict=True)

    password: str | None = Field(None, min_length=1, max_length=_MAX_PASSWORD, repr=False)
    code: str | None = Field(None, min_length=6, max_length=64, repr=False)
    credential: dict[str, Any] | None = Field(None, repr=False)


class SteppedUp(BaseModel):
    step_up_at_ns: AtNs


class SessionView(BaseModel):
    model_config = example(
        id=f"ses_{_EXAMPLE_ID}",
        device="Chrome, macOS",
        ip="203.0.113.7",
        methods=["password", "totp"],
        created_at_ns=1_764_000_000_000_000_000,
        seen_at_ns=1_764_000_100_000_000_000,
        expires_at_ns=1_764_043_200_000_000_000,
        current=True,
    )

    id: str
    device: str
    ip: str
    methods: list[str]
    created_at_ns: AtNs
    seen_at_ns: AtNs
    expires_at_ns: AtNs
    current: bool


class SessionList(BaseModel):
    data: list[SessionView]


class ResetLink(BaseModel):
    """`link` is there only where the zone has no mail: give it to the person, and nobody else."""

    status: Literal["sent", "link"]
    link: str | None = Field(None, repr=False)
