"""A signed catalogue update: whose it is, and what it changes."""

from __future__ import annotations

from typing import Any

import pytest

from opengateway.catalog.update import Kind, checked, read_update, signed_update, steps
from opengateway.domain.errors import OperatorError
from opengateway.kit.signing import new_keypair

PRIVATE, PUBLIC = new_keypair()
MODEL: dict[str, Any] = {
    "endpoints": [
        {
            "provider": "house",
            "upstream_model": "qwen3",
            "context": 131072,
            "price": {"input": "0.2", "output": "0.6"},
        }
    ]
}


def update(**members: Any) -> dict[str, Any]:
    return {"format": 1, "name": "2026-12", **members}


def kept(config: dict[str, Any]) -> dict[str, Any]:
    """As the desk has it once it is published."""
    (step,) = steps(checked(update(models={"house/qwen": config})), {})
    endpoints = [
        {**e, "price": {**e["price"], "effective_from": "2026-01-01", "source": "desk mdl_1"}}
        for e in step.config["endpoints"]
    ]
    return {**step.config, "endpoints": endpoints}


def test_what_changes_is_told_and_what_does_not_is_left() -> None:
    cheaper = {
        **MODEL,
        "endpoints": [{**MODEL["endpoints"][0], "price": {"input": "0.1", "output": "0.6"}}],
    }
    wanted = checked(
        update(
            models={"house/a": MODEL, "house/b": cheaper, "house/c": MODEL}, withdrawn=["house/d"]
        )
    )
    now = {"house/b": kept(MODEL), "house/c": kept(MODEL), "house/d": kept(MODEL)}
    found = steps(wanted, now)
    assert [(s.kind, s.model_id, s.detail) for s in found] == [
        (Kind.ADD, "house/a", "at house"),
        (Kind.CHANGE, "house/b", "endpoints[0].price.input: 0.2 to 0.1"),
        (Kind.REMOVE, "house/d", "withdrawn"),
    ]
    assert (
        steps(wanted, {"house/a": kept(MODEL), "house/b": kept(cheaper), "house/c": kept(MODEL)})
        == []
    )


def test_only_what_the_configured_hand_signed_is_read() -> None:
    blob = signed_update(update(models={"house/a": MODEL}), PRIVATE)
    assert read_update(blob, PUBLIC).models.keys() == {"house/a"}
    assert signed_update(update(models={"house/a": MODEL}), PRIVATE) == blob
    for forged in (blob.replace(b'"0.2"', b'"0.1"'), blob[:-1], b"{}", b""):
        with pytest.raises(OperatorError, match="the catalogue update is refused"):
            read_update(forged, PUBLIC)
    with pytest.raises(OperatorError, match="the signature does not fit"):
        read_update(blob, new_keypair()[1])


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ({}, "format"),
        (update(models={"house/a": {"endpoint": []}}), "endpoint"),
        (update(models={"house/a": MODEL}, withdrawn=["house/a"]), "both has and withdraws"),
    ],
)
def test_what_is_no_update_is_told_by_member(document: Any, fault: str) -> None:
    with pytest.raises(OperatorError, match=fault):
        signed_update(document, PRIVATE)
