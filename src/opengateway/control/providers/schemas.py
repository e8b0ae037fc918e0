"""What the routes of providers and credentials take and give. A secret goes in, and never out."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from pydantic import BaseModel, Field

from opengateway.catalog.config import NAME_PATTERN, ProviderConfig
from opengateway.control.bodies import example, input_example
from opengateway.control.ledger.schemas import nanos_of
from opengateway.control.providers.models import CredentialRow
from opengateway.domain.catalog import Provider
from opengateway.domain.money import nanos_to_usd
from opengateway.domain.vault import ProviderSecret

ProviderId = Annotated[str, Field(pattern=NAME_PATTERN, max_length=63, examples=["house-vllm"])]
Text = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]
Url = Annotated[str, Field(min_length=1, max_length=2048, pattern=r"^[ -~]+$")]
Hidden = Annotated[str, Field(min_length=1, max_length=16_384, pattern=r"^[^\x00]+$")]
CredentialName = Annotated[
    str, Field(min_length=1, max_length=63, pattern=NAME_PATTERN, examples=["main"])
]
CapUsd = Annotated[
    str,
    Field(max_length=24, pattern=r"^[0-9]{1,8}(\.[0-9]{1,9})?$", examples=["500"]),
]
Period = Literal["day", "month"]


class ProviderPatch(BaseModel):
    """What is left out stays. Fields are those of the zone file's `providers`."""

    model_config = input_example(name="vLLM in Seoul", zdr=True)

    like: ProviderId | None = Field(
        None, description="A provider of the catalogue whose wire, auth and profile it shares."
    )
    name: Text | None = None
    wire: Text | None = Field(None, examples=["openai"])
    base_url: Url | None = Field(None, examples=["https://llm.example.com/v1"])
    region: Text | None = None
    regions: Annotated[list[Text], Field(max_length=32)] | None = None
    project: Text | None = None
    resource: Text | None = None
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$", examples=["KR"])] | None = None
    auth: Text | None = Field(
        None, description="`bearer`, `none`, or the header that carries the bare key."
    )
    headers: dict[Text, Text] | None = Field(None, max_length=32)
    profile: dict[Text, Any] | None = Field(
        None, max_length=64, description="How it bends the wire.", examples=[None]
    )
    cancel_stops_billing: bool | None = None
    collects_data: bool | None = None
    zdr: bool | None = None
    disabled: bool | None = None

    def fields(self) -> dict[str, Any]:
        return self.model_dump(exclude_unset=True, exclude={"disabled", "id"})


class NewProvider(ProviderPatch):
    """A provider that the catalogue knows needs no more than its id."""

    model_config = input_example(
        id="house-vllm",
        wire="openai",
        base_url="https://llm.example.com/v1",
        country="KR",
        collects_data=False,
    )

    id: ProviderId


class ProviderView(BaseModel):
    """`source`: `zone` for what the zone file says, which is `read_only` here; else `database`.
    `credentials` counts the platform's that are in use; `endpoints` what is served there now."""

    model_config = example(
        id="house-vllm",
        source="database",
        read_only=False,
        name="house-vllm",
        wire="openai",
        base_url="https://llm.example.com/v1",
        auth="bearer",
        region="global",
        regions=[],
        country="KR",
        collects_data=False,
        zdr=False,
        disabled=False,
        config={"wire": "openai", "base_url": "https://llm.example.com/v1"},
        credentials=1,
        endpoints=2,
        created_at_ns=1_764_000_000_000_000_000,
        version=1,
    )

    id: str
    source: Literal["zone", "database"]
    read_only: bool
    name: str
    wire: str
    base_url: str
    auth: str
    region: str
    regions: list[str]
    country: str
    collects_data: bool
    zdr: bool
    disabled: bool
    config: dict[str, Any]
    credentials: int
    endpoints: int
    created_at_ns: int | None
    version: int | None

    @classmethod
    def of(
        cls,
        provider: Provider,
        config: ProviderConfig,
        *,
        credentials: int,
        endpoints: int,
        stored: tuple[bool, int, int] | None,
    ) -> ProviderView:
        """`stored`: whether it is disabled, when it was made, and its version."""
        plain = msgspec.to_builtins(config)
        empty = msgspec.to_builtins(ProviderConfig())
        # Where a credential is, is nobody's business here; headers of the file may hold a secret.
        hidden = ("credentials", "headers") if stored is None else ("credentials",)
        return cls(
            id=provider.id,
            source="zone" if stored is None else "database",
            read_only=stored is None,
            name=provider.name,
            wire=provider.wire.value,
            base_url=provider.base_url,
            auth=provider.auth,
            region=provider.region,
            regions=list(provider.regional_urls),
            country=provider.country,
            collects_data=provider.collects_data,
            zdr=provider.zdr,
            disabled=stored is not None and stored[0],
            config={n: v for n, v in plain.items() if n not in hidden and v != empty[n]},
            credentials=credentials,
            endpoints=endpoints,
            created_at_ns=None if stored is None else stored[1],
            version=None if stored is None else stored[2],
        )


class Secret(BaseModel):
    """One of four forms: a key; a token; Google's key file; AWS's access key with its secret."""

    model_config = input_example(api_key="sk-example-0123456789")

    api_key: Hidden | None = Field(None, repr=False)
    access_token: Hidden | None = Field(None, repr=False)
    service_account: Hidden | None = Field(
        None, repr=False, description="The key file's JSON, as text."
    )
    aws_access_key_id: Hidden | None = Field(None, repr=False)
    aws_secret_access_key: Hidden | None = Field(None, repr=False)
    aws_session_token: Hidden | None = Field(None, repr=False)
    region: Text | None = Field(None, description="Of AWS's signature.", examples=[None])

    def sealed_form(self) -> ProviderSecret:
        return ProviderSecret(**self.model_dump())


class NewCredential(BaseModel):
    """The secret is kept sealed, and shown nowhere again."""

    model_config = input_example(name="main", secret={"api_key": "sk-example-0123456789"})

    name: CredentialName
    secret: Secret = Field(repr=False)
    spend_cap_usd: CapUsd | None = None
    spend_cap_period: Period | None = None

    def cap(self) -> dict[str, Any]:
        nanos = None if self.spend_cap_usd is None else nanos_of(self.spend_cap_usd)
        return {"spend_cap_nanos": nanos, "spend_cap_period": self.spend_cap_period}


class CredentialPatch(BaseModel):
    """What is left out stays; a spend cap that is null goes."""

    model_config = input_example(disabled=True)

    disabled: bool = Field(False, validate_default=False)
    spend_cap_usd: CapUsd | None = None
    spend_cap_period: Period | None = None

    def columns(self) -> dict[str, Any]:
        given = self.model_dump(exclude_unset=True)
        if "spend_cap_usd" in given:
            usd = given.pop("spend_cap_usd")
            given["spend_cap_nanos"] = None if usd is None else nanos_of(usd)
        return given


class Rotation(BaseModel):
    model_config = input_example(secret={"api_key": "sk-example-9876543210"})

    secret: Secret = Field(repr=False)


class TestView(BaseModel):
    """`error` is a class of trouble: `auth`, `quota`, `connect`, ..."""

    model_config = example(
        ok=True, status=200, took_ms=412, model="gpt-5-mini", error=None, message="", tokens=9
    )

    ok: bool
    status: int | None
    took_ms: int
    model: str
    error: str | None
    message: str
    tokens: int


class CredentialView(BaseModel):
    """`source`: `zone` for one of the zone file's, which has no id and is `read_only`. `hint` is the
    end of what tells it from others. `key_version`: of the zone's key that closes it."""

    model_config = example(
        id="cred_0192f0c1a2b37c4d8e9fa0b1c2d3e4f8",
        provider="house-vllm",
        name="main",
        source="database",
        read_only=False,
        form="api_key",
        hint="...6789",
        disabled=False,
        spend_cap_usd="500",
        spend_cap_period="month",
        tested_at_ns=None,
        test=None,
        created_at_ns=1_764_000_000_000_000_000,
        rotated_at_ns=None,
        version=1,
    )

    id: str | None
    provider: str
    name: str
    source: Literal["zone", "database"]
    read_only: bool
    form: str
    hint: str
    disabled: bool
    spend_cap_usd: str | None
    spend_cap_period: str | None
    tested_at_ns: int | None
    test: TestView | None
    created_at_ns: int | None
    rotated_at_ns: int | None
    version: int | None

    @classmethod
    def of(cls, row: CredentialRow) -> CredentialView:
        cap = row.spend_cap_nanos
        return cls(
            id=row.id,
            provider=row.provider_id,
            name=row.name,
            source="database",
            read_only=False,
            form=row.form,
            hint=row.hint,
            disabled=row.disabled,
            spend_cap_usd=None if cap is None else nanos_to_usd(cap),
            spend_cap_period=row.spend_cap_period,
            tested_at_ns=row.tested_at_ns,
            test=None if row.test_result is None else TestView.model_validate(row.test_result),
            created_at_ns=row.created_at_ns,
            rotated_at_ns=row.rotated_at_ns,
            version=row.version,
        )

    @classmethod
    def of_zone(cls, provider_id: str, name: str) -> CredentialView:
        return cls(
            id=None,
            provider=provider_id,
            name=name,
            source="zone",
            read_only=True,
            form="",
            hint="",
            disabled=False,
            spend_cap_usd=None,
            spend_cap_period=None,
            tested_at_ns=None,
            test=None,
            created_at_ns=None,
            rotated_at_ns=None,
            version=None,
        )


class TestOf(BaseModel):
    """Which credential, by its name, and of which model of the provider's; any one otherwise."""

    model_config = input_example(credential="main")

    credential: CredentialName | None = None
    model: Annotated[str, Field(min_length=1, max_length=256)] | None = None


class Rewrapped(BaseModel):
    model_config = example(rewrapped=12)

    rewrapped: int


class CredentialList(BaseModel):
    data: list[CredentialView]


class ProviderList(BaseModel):
    data: list[ProviderView]
