"""Bodies of signing in. Unknown members are refused; secrets are in no repr."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from opengateway.control.identity.emails import MAX_EMAIL

_MAX_PASSWORD = 1_024
_EXAMPLE = "correct horse battery staple"


class _Wanted(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Credentials(_Wanted):
    email: str = Field(min_length=1, max_length=MAX_EMAIL, examples=["mina@example.com"])
    password: str = Field(min_length=1, max_length=_MAX_PASSWORD, repr=False, examples=[_EXAMPLE])


class Code(_Wanted):
    code: str = Field(
        min_length=6,
        max_length=64,
        repr=False,
        description="Six digits of the authenticator app, or a recovery code.",
        examples=["492039"],
    )


class PasskeyAnswer(_Wanted):
    credential: dict[str, Any] = Field(
        repr=False, description="What the browser's `PublicKeyCredential.toJSON()` gives."
    )


class SignUpWanted(_Wanted):
    email: str = Field(min_length=1, max_length=MAX_EMAIL, examples=["mina@example.com"])
    password: str = Field(min_length=1, max_length=_MAX_PASSWORD, repr=False, examples=[_EXAMPLE])
    name: str = Field(default="", max_length=80, examples=["Mina"])
    locale: str = Field(default="en", max_length=8, examples=["ko"])
    invitation: str | None = Field(
        default=None, max_length=100, repr=False, description="The token of an invitation's link."
    )


class Token(_Wanted):
    token: str = Field(min_length=1, max_length=100, repr=False)


class Address(_Wanted):
    email: str = Field(min_length=1, max_length=MAX_EMAIL, examples=["mina@example.com"])


class NewPassword(_Wanted):
    token: str = Field(min_length=1, max_length=100, repr=False)
    password: str = Field(min_length=1, max_length=_MAX_PASSWORD, repr=False, examples=[_EXAMPLE])


class SignInAnswer(BaseModel):
    """`second_factor`: go on with one of `factors`. The cookie is set either way."""

    status: Literal["signed_in", "second_factor"]
    factors: list[str] = Field(default_factory=list, examples=[["totp", "recovery_code"]])
    csrf_token: str | None = Field(
        default=None,
        repr=False,
        description="Send it as `x-csrf-token` with whatever changes something.",
    )


class CheckMail(BaseModel):
    """The same whether the address has an account or not."""

    status: Literal["check_mail"] = "check_mail"


class Done(BaseModel):
    status: Literal["done"] = "done"


class OidcOffer(BaseModel):
    name: str
    start_url: str


class SignInOptions(BaseModel):
    """What this zone offers to whoever wants to sign in."""

    zone: str
    password: bool
    sign_up: Literal["open", "domains", "invite"]
    passkeys: bool
    oidc: OidcOffer | None
    mail: bool = Field(description="False: forgotten passwords are reset by an admin.")
