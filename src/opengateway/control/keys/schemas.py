"""What the key routes take and give."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from opengateway.control.keys.models import ApiKey


class NewKey(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    team: str = Field(min_length=1, max_length=200, description="A team's id or name.")
    name: str = Field(min_length=1, max_length=200)
    management: bool = False


class IssuedKey(BaseModel):
    """`key` is the secret. It is in this answer and nowhere else, ever."""

    id: str
    key: str = Field(repr=False)
    team_id: str


class KeyView(BaseModel):
    """What may be shown of a key afterwards. Times are Unix nanoseconds."""

    id: str
    team_id: str
    name: str
    kind: str
    hint: str
    models: list[str]
    disabled: bool
    created_at_ns: int
    expires_at_ns: int | None
    revoked_at_ns: int | None
    last_used_at_ns: int | None

    @classmethod
    def of(cls, key: ApiKey) -> KeyView:
        return cls.model_validate({field: getattr(key, field) for field in cls.model_fields})


class KeyPage(BaseModel):
    data: list[KeyView]
    next: str | None
    """Give it as `after` for what follows; null at the end."""
