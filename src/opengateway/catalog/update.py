"""A catalogue update: models that a house's own hand signed, for zones that fetch nothing.

A signed blob (`kit/signing`) of one document: models as a zone file has them, and ids that are
withdrawn. What it changes is told before it is applied, and it is applied through the desk: audited,
dated, and in force without a start.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from opengateway.catalog.config import ModelConfig
from opengateway.domain.errors import OperatorError
from opengateway.kit import signing

_Id = Annotated[str, msgspec.Meta(min_length=3, max_length=190)]


class CatalogueUpdate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`name` says which one it is: `2026-12`."""

    format: Literal[1]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
    models: Annotated[dict[_Id, ModelConfig], msgspec.Meta(max_length=2_000)] = {}
    withdrawn: Annotated[list[_Id], msgspec.Meta(max_length=2_000)] = []


class Kind(StrEnum):
    ADD = "+"
    CHANGE = "~"
    REMOVE = "-"


class Step(NamedTuple):
    """One model. `detail`: what is another than before, for people."""

    kind: Kind
    model_id: str
    detail: str
    config: dict[str, Any]


def checked(document: object) -> CatalogueUpdate:
    """Raises `OperatorError` that names the member."""
    try:
        update = msgspec.convert(document, CatalogueUpdate)
    except msgspec.ValidationError as error:
        raise OperatorError(f"the catalogue update cannot be read: {error}") from None
    if both := sorted(set(update.withdrawn) & update.models.keys()):
        raise OperatorError(f"the catalogue update both has and withdraws {both[0]!r}")
    return update


def read_update(blob: bytes, public_key: str) -> CatalogueUpdate:
    """Raises `OperatorError`: not one, or not signed by this key's owner."""
    try:
        document = msgspec.json.decode(signing.verify(blob, public_key))
    except (ValueError, msgspec.DecodeError) as error:
        raise OperatorError(f"the catalogue update is refused: {error}") from None
    return checked(document)


def signed_update(document: object, private_key: str) -> bytes:
    """The same update has the same bytes. Raises `OperatorError`, `ValueError` for a bad key."""
    return signing.sign(msgspec.json.encode(checked(document), order="sorted"), private_key)


def steps(update: CatalogueUpdate, published: Mapping[str, Mapping[str, Any]]) -> list[Step]:
    """What the update changes. `published`: the desk's models in force, as they are kept."""
    found: list[Step] = []
    for model_id, config in sorted(update.models.items()):
        wanted = _bare(msgspec.to_builtins(config))
        before = published.get(model_id)
        if before is None:
            names = ", ".join(e.provider for e in config.endpoints)
            found.append(Step(Kind.ADD, model_id, f"at {names}", wanted))
        elif changes := _differences(_undated(before), _undated(wanted)):
            found.append(Step(Kind.CHANGE, model_id, "; ".join(changes), wanted))
    for model_id in sorted(update.withdrawn):
        if model_id in published:
            found.append(Step(Kind.REMOVE, model_id, "withdrawn", {}))
    return found


def _differences(before: Any, after: Any, path: str = "") -> list[str]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        found: list[str] = []
        for name in sorted(before.keys() | after.keys()):
            inner = f"{path}.{name}" if path else name
            found += _differences(before.get(name), after.get(name), inner)
        return found
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = enumerate(zip(before, after, strict=True))
        return [d for i, (b, a) in pairs for d in _differences(b, a, f"{path}[{i}]")]
    return [] if before == after else [f"{path}: {_shown(before)} to {_shown(after)}"]


def _shown(value: Any) -> str:
    return "nothing" if value is None else str(value)[:60]


def _undated(config: Mapping[str, Any]) -> dict[str, Any]:
    """Without what publishing adds to prices."""
    dates = ("effective_from", "source")
    endpoints = [
        {**e, "price": {k: v for k, v in e["price"].items() if k not in dates}}
        for e in config.get("endpoints", ())
    ]
    return {**config, "endpoints": endpoints}


def _bare(value: Any) -> Any:
    """Without what was not given: as the desk keeps it."""
    if isinstance(value, Mapping):
        return {name: _bare(one) for name, one in value.items() if one not in (None, [], ())}
    return [_bare(one) for one in value] if isinstance(value, list | tuple) else value
