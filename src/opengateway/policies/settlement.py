"""The settlement policy as typed rows, loaded from `settlement.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Literal

import msgspec

from opengateway.domain.errors import OperatorError
from opengateway.domain.records import Ending


class SettlementPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    known: Literal["price", "zero"]
    missing: Literal["estimate", "zero"]
    provider: Literal["estimate", "unknown"]


def _load() -> Mapping[Ending, SettlementPolicy]:
    text = files(__package__).joinpath("settlement.toml").read_text("utf-8")
    rows = msgspec.convert(tomllib.loads(text), dict[Ending, SettlementPolicy])
    missing = [e.value for e in Ending if e not in rows]
    if missing:
        raise OperatorError(f"policies/settlement.toml lacks {', '.join(missing)}")
    return MappingProxyType(rows)


SETTLEMENT: Mapping[Ending, SettlementPolicy] = _load()
