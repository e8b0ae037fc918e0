"""Bodies of the public API: what is common to their models. Unknown members are refused."""

from __future__ import annotations

from typing import Annotated, Any, Final, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

MAX_INT: Final = 2**53 - 1
"""The largest whole number that every JSON reader keeps exactly (RFC 8259, 6)."""

_Row = TypeVar("_Row")

AtNs = Annotated[int, Field(ge=0, le=2**63 - 1, description="Unix time in nanoseconds.")]
Name = Annotated[str, Field(min_length=1, max_length=80, examples=["Research"])]
PerMinute = Annotated[int, Field(ge=1, le=MAX_INT)]
AtOnce = Annotated[int, Field(ge=1, le=1_000_000)]


def example(**members: Any) -> ConfigDict:
    """For a model's `model_config`: what the docs show of an answer."""
    return ConfigDict(json_schema_extra={"examples": [members]})


def input_example(**members: Any) -> ConfigDict:
    """The same, for what callers send: unknown members and loose types are refused."""
    return ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": [members]})


class Page(BaseModel, Generic[_Row]):
    """A part of a list."""

    data: list[_Row]
    next: str | None = Field(
        description="Give it as `after` for what follows; null at the end.", examples=[None]
    )
