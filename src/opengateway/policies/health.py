"""The health policy as typed rows, loaded from `health.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from enum import StrEnum
from importlib.resources import files
from types import MappingProxyType

import msgspec

from opengateway.domain.errors import ErrorClass, OperatorError


class Scope(StrEnum):
    """What a failure says something of."""

    NONE = "none"
    ENDPOINT = "endpoint"
    REGION = "region"
    CREDENTIAL = "credential"
    QUOTA = "quota"
    MODEL = "model"


class RestKind(StrEnum):
    FAULT = "fault"
    REST = "rest"
    CREDENTIAL = "credential"


class HealthPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One class of trouble. Each field is described in `health.toml`."""

    scope: Scope
    weight: float = 0.0
    after_content: float = 0.0
    streak: int = 0
    wider: Scope = Scope.NONE
    wider_streak: int = 0
    base_s: float = 5.0
    max_s: float = 11.0
    kind: RestKind = RestKind.FAULT
    retry_after: bool = False
    fatal: bool = False
    shrinks: bool = False


def _load() -> Mapping[ErrorClass, HealthPolicy]:
    text = files(__package__).joinpath("health.toml").read_text("utf-8")
    rows = msgspec.convert(tomllib.loads(text), dict[ErrorClass, HealthPolicy])
    missing = [c.value for c in ErrorClass if c not in rows]
    if missing:
        raise OperatorError(f"policies/health.toml lacks {', '.join(missing)}")
    return MappingProxyType(rows)


HEALTH: Mapping[ErrorClass, HealthPolicy] = _load()
