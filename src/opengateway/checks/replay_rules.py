"""What replaying must know beside the recordings: `replay_exceptions.toml`, as typed rows."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec

from opengateway.domain.errors import OperatorError


class Difference(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    member: str
    change: Literal["added", "removed", "changed"]
    reason: str
    providers: tuple[str, ...] = ()


class ErrorRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    class_: str = msgspec.field(name="class")
    status: int | None = None
    code: str | None = None


class Excuse(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    case_id: str
    check: str
    reason: str


class ReplayRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`replay_exceptions.toml`."""

    like: dict[str, str]
    not_covered: dict[str, str]
    difference: tuple[Difference, ...]
    error: tuple[ErrorRow, ...]
    exception: tuple[Excuse, ...] = ()


@cache
def replay_rules() -> ReplayRules:
    """Raises `OperatorError` for a broken file."""
    text = files(__package__).joinpath("replay_exceptions.toml").read_text("utf-8")
    try:
        return msgspec.convert(tomllib.loads(text), ReplayRules)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise OperatorError(f"checks/replay_exceptions.toml is broken: {error}") from error
