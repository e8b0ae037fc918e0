"""What the key routes take and give."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from opengateway.control.bodies import (
    AtNs,
    AtOnce,
    Name,
    PerMinute,
    example,
    input_example,
)
from opengateway.control.keys.models import ApiKey
from opengateway.control.keys.service import DEFAULT_OVERLAP_S, MAX_OVERLAP_S
from opengateway.control.keys.terms import LimitReset
from opengateway.domain.errors import InvalidRequest
from opengateway.domain.money import nanos_to_usd, usd_to_nanos
from opengateway.domain.principal import KeyKind

_ID: Final = "key_0192f0c1a2b37c4d8e9fa0b1c2d3e4f5"
_TEAM: Final = "team_0192f0c1a2b37c4d8e9fa0b1c2d3e4f6"
_USER: Final = "usr_0192f0c1a2b37c4d8e9fa0b1c2d3e4f7"
_AT: Final = 1_764_000_000_000_000_000
_LATER: Final = 1_900_000_000_000_000_000

Usd = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{1,9}(\.[0-9]{1,9})?$",
        description="US dollars as a decimal string, to the nano-dollar.",
        examples=["50"],
    ),
]
_NEVER_NULL: Final = (
    *("include_byok_in_limit", "strict_parameters"),
    *("models", "providers", "ips", "metadata"),
)
Listed = Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=200)]
Metadata = Annotated[
    dict[str, Annotated[str, Field(max_length=256)]],
    Field(max_length=16, description="Names and values of your own."),
]


class NewKey(BaseModel):
    """A key that the operator makes."""

    model_config = ConfigDict(extra="forbid", strict=True)

    team: str = Field(min_length=1, max_length=200, description="A team's id or name.")
    name: str = Field(min_length=1, max_length=200)
    management: bool = False


class IssuedKey(BaseModel):
    """`key` is the secret. It is in this answer and nowhere else, ever."""

    id: str
    key: str = Field(repr=False)
    team_id: str


class _Terms(BaseModel):
    """What a key may do. Absent, or null: no limit of its own; an empty list: every one."""

    expires_at_ns: AtNs | None = None
    limit_usd: Usd | None = Field(None, description="What it may spend; null: no limit.")
    limit_reset: LimitReset | None = Field(
        None, strict=False, description="When the limit counts anew, in UTC; null: never."
    )
    include_byok_in_limit: bool = Field(
        False, description="Whether what your own provider credentials pay counts."
    )
    rpm: PerMinute | None = Field(None, description="Requests a minute.")
    tpm: PerMinute | None = Field(None, description="Tokens a minute.")
    concurrency: AtOnce | None = Field(None, description="Requests at once.")
    models: Listed = Field([], description="Models that it may ask.")
    providers: Listed = Field([], description="Providers that may serve it.")
    ips: Listed = Field([], description="Addresses and networks it may be used from.")
    metadata: Metadata = Field({})
    body_logging: bool | None = Field(
        None, description="Keep prompts and answers, or not; null: as the team says."
    )
    strict_parameters: bool = Field(
        False,
        description="Answer 400 that names the parameter, where a provider cannot do what is asked"
        " as it was asked; else it is left out, and `x-opengateway-dropped-params` says so.",
    )

    def columns(self) -> dict[str, Any]:
        """Columns of `ApiKey` that were sent. Raises `InvalidRequest` for a null that means nothing."""
        sent = self.model_dump(exclude_unset=True)
        for name in _NEVER_NULL:
            if name in sent and sent[name] is None:
                raise InvalidRequest(f"{name!r} may be left out, not null", param=name)
        if "limit_usd" in sent:
            usd = sent.pop("limit_usd")
            sent["limit_nanos"] = None if usd is None else int(usd_to_nanos(usd))
        if "metadata" in sent:
            sent["labels"] = sent.pop("metadata")
        if sent.get("limit_reset") is not None:
            sent["limit_reset"] = sent["limit_reset"].value
        return sent


class KeyWish(_Terms):
    model_config = input_example(
        name="production", limit_usd="50", limit_reset="monthly", rpm=600, ips=["203.0.113.0/24"]
    )

    name: Name
    kind: KeyKind = Field(KeyKind.INFERENCE, strict=False)

    def terms(self) -> dict[str, Any]:
        return {k: v for k, v in self.columns().items() if k not in ("name", "kind")}


class KeyPatch(_Terms):
    """What is left out stays as it is."""

    model_config = input_example(disabled=True, limit_usd=None)

    name: Name = Field("", validate_default=False)
    disabled: bool = False


class Rotation(BaseModel):
    model_config = input_example(overlap_s=DEFAULT_OVERLAP_S)

    overlap_s: int = Field(
        DEFAULT_OVERLAP_S,
        ge=0,
        le=MAX_OVERLAP_S,
        description="For so many seconds the secret before is taken too.",
    )


class KeyView(BaseModel):
    """What may be shown of a key. Its secret cannot be shown again."""

    model_config = example(
        id=_ID,
        team_id=_TEAM,
        name="production",
        kind="inference",
        hint="og_live_...3fQk",
        models=[],
        providers=[],
        ips=["203.0.113.0/24"],
        metadata={},
        rpm=600,
        tpm=None,
        concurrency=None,
        body_logging=None,
        strict_parameters=False,
        limit_usd="50",
        limit_nanos=50_000_000_000,
        limit_reset="monthly",
        include_byok_in_limit=False,
        disabled=False,
        created_by=_USER,
        created_at_ns=_AT,
        expires_at_ns=_LATER,
        revoked_at_ns=None,
        last_used_at_ns=None,
        old_until_ns=None,
        version=1,
    )

    id: str
    team_id: str
    name: str
    kind: str
    hint: str
    models: list[str]
    providers: list[str]
    ips: list[str]
    metadata: dict[str, str]
    rpm: int | None
    tpm: int | None
    concurrency: int | None
    body_logging: bool | None
    strict_parameters: bool
    limit_usd: str | None
    limit_nanos: int | None
    limit_reset: str | None
    include_byok_in_limit: bool
    disabled: bool
    created_by: str | None
    created_at_ns: int
    expires_at_ns: int | None
    revoked_at_ns: int | None
    last_used_at_ns: int | None
    old_until_ns: int | None = Field(description="Until when the secret before is taken too.")
    version: int

    @classmethod
    def of(cls, key: ApiKey) -> KeyView:
        return cls.model_validate(_shown(key))


class MadeKey(KeyView):
    """A key with its secret `key`, which is in this answer and nowhere else, ever: it is null when a
    request is repeated under its `Idempotency-Key`."""

    model_config = example(
        **{
            **KeyView.model_config["json_schema_extra"]["examples"][0],  # type: ignore[index, dict-item]
            "key": "og_live_(32 characters)(6 of a checksum)",
        }
    )

    key: str | None = Field(repr=False)

    @classmethod
    def with_secret(cls, key: ApiKey, secret: str | None) -> MadeKey:
        return cls.model_validate({**_shown(key), "key": secret})


class PlaygroundKey(BaseModel):
    """`key` is the secret, good until `expires_at_ns`. It belongs into a page's memory alone."""

    model_config = example(
        id=_ID, key="og_live_(32 characters)(6 of a checksum)", expires_at_ns=_LATER
    )

    id: str
    key: str | None = Field(repr=False)
    expires_at_ns: int


def _shown(key: ApiKey) -> dict[str, Any]:
    limit = key.limit_nanos
    return {
        **{name: getattr(key, name) for name in KeyView.model_fields if hasattr(key, name)},
        "metadata": key.labels,
        "limit_usd": None if limit is None else nanos_to_usd(limit),
    }
