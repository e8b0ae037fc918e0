"""The error policy as typed rows, loaded from `errors.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Literal

import msgspec

from opengateway.domain.errors import ErrorClass, OperatorError


class ErrorPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One class of trouble: what the caller sees, and where else the request may go."""

    status: int
    type: str
    code: str
    reveal: bool
    should_retry: bool
    same_endpoint: int
    next_endpoint: bool | Literal["larger"]
    next_model: bool
    health: Literal["no", "yes", "credential"]
    in_place: Literal["always", "last"] = "always"


def _load() -> Mapping[ErrorClass, ErrorPolicy]:
    text = files(__package__).joinpath("errors.toml").read_text("utf-8")
    rows = msgspec.convert(tomllib.loads(text), dict[ErrorClass, ErrorPolicy])
    missing = [c.value for c in ErrorClass if c not in rows]
    if missing:
        raise OperatorError(f"policies/errors.toml lacks {', '.join(missing)}")
    return MappingProxyType(rows)


ERROR_POLICIES: Mapping[ErrorClass, ErrorPolicy] = _load()
