"""The sections of a zone file as they are written (contract, part 3). Defaults stand here."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from opengateway.catalog.config import ModelConfig, PricingConfig, ProviderConfig, Reference
from opengateway.compose.components import EditionName
from opengateway.domain.sign_up import SignUp

Port = Annotated[int, msgspec.Meta(ge=0, le=65535, description="a port, 0 to 65535")]
Host = Annotated[
    str, msgspec.Meta(min_length=1, max_length=253, description="an address or host name")
]
Seconds = Annotated[
    float, msgspec.Meta(gt=0, le=86_400, description="seconds above 0, up to 86400")
]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200, description="1 to 200 characters")]
Days = Annotated[int, msgspec.Meta(ge=0, le=3650, description="days, 0 to 3650")]


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A mapping of the file. Unknown keys are refused by name."""


class TlsConfig(Section, frozen=True):
    """PEM files."""

    cert_file: str
    key_file: str


class MetricsConfig(Section, frozen=True):
    host: Host = "127.0.0.1"
    port: Port = 9090


class ListenConfig(Section, frozen=True):
    host: Host = "127.0.0.1"
    port: Port = 8080
    public_url: str = ""
    """Empty: `http://localhost:PORT`."""
    workers: Annotated[int, msgspec.Meta(ge=1, le=64, description="a number from 1 to 64")] = 1
    trusted_proxies: tuple[str, ...] = ()
    tls: TlsConfig | None = None
    metrics: MetricsConfig = MetricsConfig()


class OutboundConfig(Section, frozen=True):
    proxy: str | None = None
    ca_file: str | None = None
    allow: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Without the proxy's URL: it may hold a password."""
        proxy = "set" if self.proxy else None
        return f"OutboundConfig(proxy={proxy}, ca_file={self.ca_file!r}, allow={self.allow!r})"


class OidcGrantConfig(Section, frozen=True):
    """Members of a group at the identity provider get a role in a team. Never owner."""

    group: Name
    team: Name
    role: Literal["admin", "billing", "member", "viewer"] = "member"


class OidcConfig(Section, frozen=True):
    """An identity provider that speaks OpenID Connect with a discovery document."""

    issuer: str
    client_id: Name
    client_secret: Reference | None = None
    """None for a public client."""
    name: Name = "Single sign-on"
    """What stands on the button."""
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    algorithms: tuple[
        Literal["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA"], ...
    ] = ("RS256", "ES256")
    hosts: tuple[str, ...] = ()
    """Hosts beside the issuer's own where its token and key endpoints lie."""
    groups_claim: Name = "groups"
    grants: tuple[OidcGrantConfig, ...] = ()


class SessionConfig(Section, frozen=True):
    idle_s: Seconds = 1_800
    absolute_s: Seconds = 43_200


class AuthConfig(Section, frozen=True):
    password: bool = True
    oidc: OidcConfig | None = None
    signup: SignUp = SignUp.INVITE
    domains: tuple[str, ...] = ()
    """Whose addresses may sign up, where `signup` is `domains`; or come in by single sign-on."""
    session: SessionConfig = SessionConfig()


class RetentionConfig(Section, frozen=True):
    records_days: Days = 400
    bodies_days: Days = 30


class FirstTokenConfig(Section, frozen=True):
    stream: Seconds = 30
    reasoning: Seconds = 120
    unary: Seconds = 300


class IdleConfig(Section, frozen=True):
    stream: Seconds = 60
    reasoning: Seconds = 120


Dollars = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[0-9]{1,6}(\.[0-9]{1,9})?$", description="US dollars in quotes, such as '3.50'"
    ),
]


class MaxPriceConfig(Section, frozen=True):
    """US dollars as decimal strings: per million tokens, per request, per image."""

    prompt: Dollars | None = None
    completion: Dollars | None = None
    request: Dollars | None = None
    image: Dollars | None = None


class SmokeConfig(Section, frozen=True):
    """When smoke tests run by themselves. They cost money at providers: nothing runs unasked."""

    live_every_s: (
        Annotated[int, msgspec.Meta(ge=60, le=86_400, description="seconds from 60 to 86400")]
        | None
    ) = None
    """How often one cheap call is made to each provider."""
    daily_cap_usd: Dollars | None = None
    """What the daily run of everything may cost; without it there is none."""


class TelemetryConfig(Section, frozen=True):
    """Where traces of requests go. Nowhere, unless it is said."""

    otlp_url: str | None = None
    """An OpenTelemetry collector's address for traces over HTTP, as JSON."""


class UpdatesConfig(Section, frozen=True):
    """Catalogue updates that travel as files (`opengateway catalog apply`)."""

    public_key: (
        Annotated[
            str,
            msgspec.Meta(
                pattern=r"^[0-9a-f]{64}$", description="64 hexadecimal characters, or file:PATH"
            ),
        ]
        | None
    ) = None
    """By whose owner they must be signed."""


class RoutingPolicyConfig(Section, frozen=True):
    """Where requests may go at all. What is empty bounds nothing."""

    only: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    countries: tuple[
        Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2}$", description="a country, such as KR")],
        ...,
    ] = ()
    data_collection: Literal["allow", "deny"] = "allow"
    zdr: bool = False
    max_price: MaxPriceConfig | None = None


class RoutingConfig(Section, frozen=True):
    connect_timeout_s: Seconds = 5
    first_token_timeout_s: FirstTokenConfig = FirstTokenConfig()
    idle_timeout_s: IdleConfig = IdleConfig()
    deadline_s: Seconds = 600
    max_attempts: Annotated[int, msgspec.Meta(ge=1, le=10, description="a number from 1 to 10")] = 4
    prefer_regions: tuple[str, ...] = ()
    policy: RoutingPolicyConfig = RoutingPolicyConfig()
    teams: dict[str, RoutingPolicyConfig] = {}
    """A team's id to a ceiling of its own, below the zone's."""


ZoneName = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[a-z0-9][a-z0-9-]{0,62}$",
        description="a name of lower-case letters, digits and -",
    ),
]
Percent = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[0-9]{1,2}(\.[0-9]{1,4})?$", description="per cent in quotes, like '10'"
    ),
]
Line = Annotated[str, msgspec.Meta(max_length=200, description="at most 200 characters")]
AtMost = Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000, description="a number above 0")]


class SellerConfig(Section, frozen=True):
    """Who sells, as it stands on receipts and invoices."""

    name: Line = ""
    address: tuple[Line, ...] = ()
    registration_number: Line = ""
    email: Line = ""


class TaxConfig(Section, frozen=True):
    name: Line = "Tax"
    percent: Percent = "0"


class FreeTierConfig(Section, frozen=True):
    rpm: AtMost | None = None
    tpm: AtMost | None = None
    concurrency: AtMost | None = None


class SellingConfig(Section, frozen=True):
    seller: SellerConfig = SellerConfig()
    tax: TaxConfig = TaxConfig()
    display_currency: Annotated[
        str, msgspec.Meta(pattern=r"^[A-Z]{3}$", description="a currency, such as KRW")
    ] = "USD"
    welcome_usd: Dollars = "0"
    welcome_days: Annotated[int, msgspec.Meta(ge=1, le=3650, description="1 to 3650")] | None = None
    free_tier: FreeTierConfig | None = None
    approval_above_usd: Dollars = "100"
    """What one person may give and take by hand within 24 hours; above it a second one approves."""


class ZoneFile(Section, frozen=True):
    """The whole file."""

    zone: ZoneName
    edition: EditionName = EditionName.SELFHOST
    home: Annotated[str, msgspec.Meta(min_length=1, description="a path")] = "./var"
    listen: ListenConfig = ListenConfig()
    outbound: OutboundConfig = OutboundConfig()
    components: Annotated[Any, msgspec.Meta(extra={"raw": True})] = None
    """The tree's node as it stands: its options depend on what is chosen there."""
    auth: AuthConfig = AuthConfig()
    retention: RetentionConfig = RetentionConfig()
    providers: dict[str, ProviderConfig] = {}
    models: dict[str, ModelConfig] = {}
    pricing: PricingConfig = PricingConfig()
    routing: RoutingConfig = RoutingConfig()
    selling: SellingConfig = SellingConfig()
    smoke: SmokeConfig = SmokeConfig()
    telemetry: TelemetryConfig = TelemetryConfig()
    updates: UpdatesConfig = UpdatesConfig()
    zones: dict[str, str] = {}
    """The other zones of the house: each one's name to its public address."""
