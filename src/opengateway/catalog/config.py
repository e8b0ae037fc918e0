"""What may be said of providers and models, in the bundled catalogue and in a zone file alike.

Everything is optional that the catalogue may already know: a zone file gives only what differs.
A field that is `None` was not given. Unknown keys are refused.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

import msgspec

from opengateway.domain.catalog import ModelKind, Profile, Wire
from opengateway.domain.money import usd_to_nanos

NAME_PATTERN: Final = r"^[a-z0-9][a-z0-9._-]{0,62}$"
MODEL_ID_PATTERN: Final = r"^[a-z0-9][a-z0-9._-]{0,62}/[a-z0-9][a-z0-9._:-]{0,126}$"
_USD: Final = re.compile(r"[0-9]{1,6}(\.[0-9]{1,9})?")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

PRICED: Final[tuple[str, ...]] = (
    *("input", "output", "cache_read", "cache_write", "cache_write_1h"),
    *("reasoning", "audio_input", "audio_output"),
    *("image_output", "images", "seconds", "characters", "documents", "requests"),
)
"""Field names of `PriceConfig` that are prices."""

Tokens = Annotated[
    int, msgspec.Meta(ge=1, le=100_000_000, description="a number of tokens, 1 to 100000000")
]
PERCENT_PATTERN: Final = r"-?(100|[0-9]{1,2}(\.[0-9]{1,4})?)|[0-9]{1,4}(\.[0-9]{1,4})?"
_PERCENT_WORDS: Final = "per cent in quotes, such as '5.5': -100 to 9999, at most 4 decimals"
Percent = Annotated[str, msgspec.Meta(pattern=f"^({PERCENT_PATTERN})$", description=_PERCENT_WORDS)]
Share = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[0-9]{1,4}(\.[0-9]{1,4})?$",
        description="per cent in quotes, such as '5.5': 0 to 9999, at most 4 decimals",
    ),
]
Upstream = Annotated[
    str,
    msgspec.Meta(min_length=1, max_length=256, description="a name of 1 to 256 characters"),
]
Reference = Annotated[
    str,
    msgspec.Meta(description="env:NAME or file:PATH", extra={"reference": True}),
]
"""Where a secret is, never the secret: `env:NAME` or `file:PATH`."""


Place = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9:.-]{0,62}$",
        description="a name of letters, digits and : . -, such as us-east-1",
    ),
]
"""A region, a project or a resource: becomes part of an address."""


class Capability(StrEnum):
    """What a model can do, as `domain.catalog.Model.capabilities` lists it."""

    TOOLS = "tools"
    PARALLEL_TOOLS = "parallel_tools"
    STRUCTURED_OUTPUT = "structured_output"
    REASONING = "reasoning"
    PROMPT_CACHING = "prompt_caching"
    TEMPERATURE = "temperature"


class Modality(StrEnum):
    TEXT = "text"
    IMAGE = "image"
    AUDIO = "audio"
    FILE = "file"
    VIDEO = "video"


class PriceCheck(StrEnum):
    """How far a catalogue price is confirmed."""

    AGREE = "agree"  # two sources say the same
    SINGLE = "single-source"
    DIFFER = "differ"  # `price_other` holds the second; the higher rate of each kind serves


class CredentialConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One account at a provider."""

    name: Annotated[
        str,
        msgspec.Meta(
            pattern=NAME_PATTERN, description="a name of lower-case letters, digits and . _ -"
        ),
    ]
    api_key: Reference | None = None
    """Goes in the provider's own header; of Bedrock, its API key."""
    access_token: Reference | None = None
    """A token of Google's or Entra's, sent as a Bearer. One in a file is read again as it ages."""
    service_account: Reference | None = None
    """Google's key file, as JSON; tokens are fetched with it."""
    aws_access_key_id: Reference | None = None
    """May stand here itself: it is no secret."""
    aws_secret_access_key: Reference | None = None
    aws_session_token: Reference | None = None
    region: Place | None = None
    """Of a signature, where the provider's address does not say it."""
    cache_domain: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None
    """The account that it belongs to, where several credentials do: they share its prompt cache."""
    spend_cap_usd: (
        Annotated[
            str,
            msgspec.Meta(
                pattern=r"^[0-9]{1,7}(\.[0-9]{1,9})?$",
                description="US dollars in quotes, such as '250'",
            ),
        ]
        | None
    ) = None
    """What may be spent with it at most, by the provider's prices; then others are asked."""
    spend_cap_per: Literal["day", "month"] = "day"
    """UTC."""
    optional: bool = False
    """Leave this credential out when its variable or file is absent, instead of refusing to start.
    """


class ProviderConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A provider of a zone: credentials for one that the catalogue knows, or a whole new one."""

    like: str | None = None
    """A provider of the catalogue whose wire, auth and profile this one shares: `vllm`, ..."""
    name: str | None = None
    wire: Wire | None = None
    base_url: str | None = None
    region: str | None = None
    regions: tuple[Place, ...] = ()
    """Of a cloud: each becomes an endpoint of every model, the first before the second."""
    project: Place | None = None
    """Google Cloud's, where the provider's address names one."""
    resource: Place | None = None
    """Azure's, where the provider's address names one."""
    country: str | None = None
    auth: str | None = None
    """`bearer`, `none`, or the name of the header that carries the bare key."""
    headers: dict[str, str] = {}
    profile: Annotated[dict[str, Any], msgspec.Meta(extra={"partial_of": Profile})] = {}
    """Fields of `domain.catalog.Profile` that replace those of the catalogue, each as a whole."""
    credentials: tuple[CredentialConfig, ...] = ()
    bundled: bool = False
    cancel_stops_billing: bool | None = None
    collects_data: bool | None = None
    """Whether it may keep prompts to train on. Unless the zone says no, it is taken to."""
    zdr: bool | None = None
    """Zero data retention: nothing of a request is kept once it is answered."""


class PriceTierConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The prices of a whole request whose input is more than `above` tokens. What is left out is
    as without the tier."""

    above: Tokens
    input: str | None = None
    output: str | None = None
    cache_read: str | None = None
    cache_write: str | None = None
    cache_write_1h: str | None = None
    reasoning: str | None = None
    audio_input: str | None = None
    audio_output: str | None = None

    def rates(self) -> dict[str, str]:
        """The prices that are given, by field name."""
        given = ((name, getattr(self, name, None)) for name in PRICED)
        return {name: value for name, value in given if value is not None}


class PricingConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A zone's default prices: per cent as decimal strings, `"5.5"`, at most four decimals."""

    markup_percent: Percent = "0"
    """On the provider's price, where no sell price says otherwise. May be negative."""
    fee_percent: Share = "0"
    """On what a request costs the team; shown apart."""
    own_key_fee_percent: Share = "0"
    """On what a request would cost, where the team's own credential pays the provider."""


class PriceConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """US dollars per million units, as decimal strings: `"0.20"`."""

    input: str | None = None
    output: str | None = None
    """Chat models must have both."""
    cache_read: str | None = None
    cache_write: str | None = None
    cache_write_1h: str | None = None
    reasoning: str | None = None
    audio_input: str | None = None
    audio_output: str | None = None
    images: str | None = None
    """Of a million images, as all that follow are of a million: `"40000"` is 0.04 for one."""
    image_output: str | None = None
    """Tokens that an image is made of."""
    seconds: str | None = None
    """Of sound that is heard."""
    characters: str | None = None
    """Of text that is spoken."""
    documents: str | None = None
    requests: str | None = None
    """Of rerank, search units."""
    tiers: tuple[PriceTierConfig, ...] = ()
    """Dearer prices of long inputs, shortest first."""
    effective_from: str | None = None
    """`YYYY-MM-DD`. The catalogue must have it."""
    source: str | None = None
    """Who says so. The catalogue must have it."""
    check: PriceCheck | None = None

    def rates(self) -> dict[str, str]:
        """The prices that are given, by field name."""
        given = ((name, getattr(self, name)) for name in PRICED)
        return {name: value for name, value in given if value is not None}


class EndpointConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One provider that serves a model. What is left out is taken from the model."""

    provider: str
    upstream_model: Upstream
    context: Tokens
    full_context: Tokens | None = None
    """What the vendor takes, where it charges more beyond `context` and no tier has that price."""
    max_output: Tokens | None = None
    price: PriceConfig
    price_other: PriceConfig | None = None
    sell: PriceConfig | None = None
    """What teams pay, where that is not the provider's price with the zone's mark-up. A zone file's
    alone."""
    priority: Annotated[
        int, msgspec.Meta(ge=0, le=1000, description="a whole number from 0 (first) to 1000")
    ] = 0
    region: str | None = None
    reasoning: bool | None = None
    modalities: tuple[Modality, ...] | None = None
    tools: bool | None = None
    bytes_per_token: (
        Annotated[float, msgspec.Meta(gt=0, le=64, description="a number above 0, up to 64")] | None
    ) = None
    country: str | None = None
    """ISO 3166-1 alpha-2, where it is not the provider's."""
    quantization: str | None = None
    weight: Annotated[
        float, msgspec.Meta(ge=0.01, le=100, description="a number from 0.01 to 100")
    ] = 1.0
    """Its share beside others of the same priority and price."""
    lacks: tuple[Capability, ...] = ()
    """Capabilities of the model that it does not have there."""
    retires: str | None = None
    """`YYYY-MM-DD`: when the provider stops to serve the model there."""


class ModelConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A model. In a zone file, what is given replaces what the catalogue says of the same id."""

    kind: ModelKind | None = None
    name: str | None = None
    owner: str | None = None
    released: str | None = None
    """`YYYY-MM-DD`."""
    aliases: tuple[str, ...] = ()
    capabilities: tuple[Capability, ...] | None = None
    input_modalities: tuple[Modality, ...] | None = None
    output_modalities: tuple[Modality, ...] | None = None
    endpoints: tuple[EndpointConfig, ...] = ()


def rate_of(text: str) -> int:
    """A price in US dollars per million units to nano-dollars per million units.

    Stricter than `usd_to_nanos`: no exponent, sign, space or underscore, and below a million, so
    that a typing error cannot become an absurd price. Raises `ValueError`.
    """
    if _USD.fullmatch(text) is None:
        raise ValueError(
            "expected US dollars per million units, such as '0.20': digits with at most 9 decimals,"
            " below 1000000"
        )
    return usd_to_nanos(text)


def ppm_of(percent: str) -> int:
    """A percentage as a decimal string to millionths: `"5.5"` to 55000. Raises `ValueError`."""
    if re.fullmatch(PERCENT_PATTERN, percent) is None:
        raise ValueError(f"expected {_PERCENT_WORDS}")
    return int(Decimal(percent) * 10_000)


def is_date(text: str) -> bool:
    """Whether `text` is a calendar day as `YYYY-MM-DD`."""
    if _DATE.fullmatch(text) is None:
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
