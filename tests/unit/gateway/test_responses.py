"""Kept responses: whose they are, what they put in place of an id, and how they end."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from msgspec.structs import replace as replaced

from openai_document import faults, needs_document
from openai_responses_lane import body_of, lane, message, response, thought
from opengateway.dialects.openai_responses import DIALECT, KEEPING
from opengateway.domain.catalog import Wire
from opengateway.domain.errors import CapacityError, NotFound
from opengateway.domain.principal import Principal
from opengateway.gateway.pipeline import StepFailed
from opengateway.gateway.responses import ResponseKeeper, response_in
from opengateway.gateway.responses_surface import ResponsesSurface
from opengateway.infra.response_store.memory import MemoryResponseStore
from opengateway.infra.secret_box import AesSecretBox
from opengateway.kit.clock import ManualClock
from opengateway.ports.response_store import KEPT_BYTES, KEPT_S
from opengateway.ports.transport import UpstreamRequest

from .fakes import (
    PRINCIPAL,
    RecordingCaller,
    Script,
    ScriptedTransport,
    World,
    endpoint,
    model,
)

Json = dict[str, Any]
OTHERS = replaced(PRINCIPAL, team_id="team_2")
ANSWER = response(output=[thought("gAAA"), message("Blue.")])
BOX = AesSecretBox({1: b"k" * 32})


class Away(MemoryResponseStore):
    """A store out of reach."""

    async def get(self, scope: str) -> bytes | None:
        raise CapacityError("away", code="response_store_unavailable")


def surface(
    store: MemoryResponseStore | None = None,
    *,
    allows: Callable[[str], bool] = lambda team_id: True,
    box: AesSecretBox = BOX,
) -> tuple[ResponsesSurface, World]:
    script = Script(chunks=(json.dumps(ANSWER).encode(),))
    world = World([model("lab/m", endpoint("a", context=10_000_000))], ScriptedTransport(a=script))
    plain = replace(world.services, wires={Wire.OPENAI: lane()}, chat_dialect=DIALECT)
    store = MemoryResponseStore(ManualClock()) if store is None else store
    keeper = ResponseKeeper(store, box, allows)
    return ResponsesSurface(plain, replace(plain, chat_dialect=KEEPING), keeper), world


async def ask(
    made: tuple[ResponsesSurface, World],
    input: Any = "Sky?",
    principal: Principal = PRINCIPAL,
    **members: Any,
) -> Json:
    serving, world = made
    body = body_of(input, **{"model": "lab/m", **members})
    arrival = replaced(world.arrival(), operation="responses", body=body)
    caller = RecordingCaller()
    await serving.serve(arrival, principal, caller)
    assert caller.status == 200, caller.body
    told: Json = json.loads(caller.body)
    return told


def asked_of(made: tuple[ResponsesSurface, World]) -> list[UpstreamRequest]:
    transport = made[1].transport
    assert isinstance(transport, ScriptedTransport)
    return transport.requests


def sent(made: tuple[ResponsesSurface, World]) -> Json:
    told: Json = json.loads(asked_of(made)[-1].body)
    return told


async def test_a_conversation_goes_on_from_what_was_kept() -> None:
    made = surface()
    first = await ask(made, instructions="Be brief.")
    second = await ask(made, "Why?", previous_response_id=first["id"])
    assert (first["store"], second["previous_response_id"]) == (True, first["id"])
    assert sent(made)["input"] == [
        {"role": "user", "content": "Sky?"},
        {"type": "reasoning", "status": "completed", "summary": [], "encrypted_content": "gAAA"},
        {
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [
                {"type": "output_text", "text": "Blue.", "annotations": [], "logprobs": []}
            ],
        },
        {"role": "user", "content": "Why?"},
    ]
    assert "instructions" not in sent(made), "they are not carried over"
    assert "previous_response_id" not in sent(made)
    third = await ask(made, "And?", previous_response_id=second["id"])
    assert len(sent(made)["input"]) == 7
    assert third["id"] != second["id"]


async def test_a_reference_stands_for_the_item_that_it_names() -> None:
    made = surface()
    first = await ask(made)
    said = first["output"][1]
    await ask(
        made, [{"type": "item_reference", "id": said["id"]}, {"role": "user", "content": "Hm"}]
    )
    assert sent(made)["input"][0]["content"][0]["text"] == "Blue."
    await ask(made, [{"id": said["id"]}, {"role": "user", "content": "Hm"}])
    assert sent(made)["input"][0]["content"][0]["text"] == "Blue."


@pytest.mark.parametrize("use", ["previous", "reference"])
async def test_an_id_of_another_team_is_an_id_of_nobody(use: str) -> None:
    made = surface()
    first = await ask(made)
    members: Json = {"previous_response_id": first["id"]}
    input: Any = "Why?"
    if use == "reference":
        members, input = {}, [{"type": "item_reference", "id": first["output"][1]["id"]}]
    told = []
    for principal, found in ((OTHERS, members), (PRINCIPAL, members)):
        if principal is PRINCIPAL:  # the same form, and nobody's
            found = {n: f"resp_{'0' * 32}" for n in members}
            if use == "reference":
                input = [{"type": "item_reference", "id": f"msg_{'0' * 36}"}]
        with pytest.raises(StepFailed) as caught:
            await ask(made, input, principal, **found)
        error = caught.value.error
        assert isinstance(error, NotFound)
        told.append((caught.value.step, error.status, error.code, error.param))
    assert told[0] == told[1]
    assert len(asked_of(made)) == 1, "nothing was sent"
    serving, _ = made
    for act in (serving.keeper.shown, serving.keeper.deleted, serving.keeper.input_items):
        with pytest.raises(NotFound):
            await act(OTHERS, first["id"])
    assert await serving.keeper.shown(PRINCIPAL, first["id"])


async def test_a_team_that_does_not_want_it_keeps_nothing() -> None:
    store = MemoryResponseStore(ManualClock())
    made = surface(store, allows=lambda team_id: False)
    first = await ask(made, store=True)
    assert first["store"] is False
    assert len(store) == 0
    with pytest.raises(StepFailed) as caught:
        await ask(made, previous_response_id=first["id"])
    assert isinstance(caught.value.error, NotFound)


async def test_store_false_keeps_nothing() -> None:
    store = MemoryResponseStore(ManualClock())
    first = await ask(surface(store), store=False)
    assert first["store"] is False
    assert len(store) == 0


async def test_what_was_kept_is_shown_listed_and_deleted() -> None:
    serving, _ = made = surface()
    first = await ask(made, [{"role": "user", "content": f"{n}"} for n in range(3)])
    keeper, identifier = serving.keeper, first["id"]
    assert json.loads(await keeper.shown(PRINCIPAL, identifier)) == first
    page = json.loads(await keeper.input_items(PRINCIPAL, identifier, limit=2))
    assert [item["content"][0]["text"] for item in page["data"]] == ["2", "1"]
    assert page["has_more"]
    rest = json.loads(
        await keeper.input_items(PRINCIPAL, identifier, after=page["last_id"], limit=500)
    )
    assert [item["content"][0]["text"] for item in rest["data"]] == ["0"]
    assert not rest["has_more"]
    assert json.loads(await keeper.deleted(PRINCIPAL, identifier))["deleted"] is True
    with pytest.raises(NotFound):
        await keeper.shown(PRINCIPAL, identifier)


@needs_document
async def test_a_list_of_items_is_valid_by_openais_document() -> None:
    serving, _ = made = surface()
    first = await ask(made)
    second = await ask(made, "Why?", previous_response_id=first["id"])
    page = json.loads(await serving.keeper.input_items(PRINCIPAL, second["id"]))
    assert len(page["data"]) == 4
    assert faults("ResponseItemList", page) == []


async def test_what_is_kept_is_sealed_and_ends_with_its_day() -> None:
    clock = ManualClock()
    store = MemoryResponseStore(clock)
    made = surface(store)
    first = await ask(made, "a secret word")
    for _, value in store._kept.values():
        assert b"secret" not in value
        assert first["id"].encode() not in value
    other_key = surface(store, box=AesSecretBox({1: b"x" * 32}))
    with pytest.raises(NotFound):
        await other_key[0].keeper.shown(PRINCIPAL, first["id"])
    assert other_key[0].keeper.faults == 1
    clock.advance(KEPT_S)
    with pytest.raises(NotFound):
        await made[0].keeper.shown(PRINCIPAL, first["id"])


async def test_a_store_out_of_reach_is_503_and_not_404() -> None:
    made = surface(Away(ManualClock()))
    first = await ask(made)
    with pytest.raises(StepFailed) as caught:
        await ask(made, previous_response_id=first["id"])
    assert isinstance(caught.value.error, CapacityError)


async def test_a_conversation_that_is_too_large_is_answered_and_not_kept() -> None:
    store = MemoryResponseStore(ManualClock())
    await ask(surface(store), "x" * (KEPT_BYTES + 1))
    assert len(store) == 0


async def test_what_is_malformed_is_refused_by_its_member() -> None:
    made = surface()
    with pytest.raises(StepFailed) as caught:
        await ask(made, [7])
    assert caught.value.error.param == "input[0]"


@pytest.mark.parametrize(
    ("last", "found"),
    [
        (b'{"id":"r"}', b'{"id":"r"}'),
        (b'event: response.completed\ndata: {"response":{"id":"r"}}\n\n', b'{"id":"r"}'),
        (
            b'data: {"text":"event: response.completed"}\n\n'
            + b'event: response.incomplete\ndata: {"response":{"id":"r"}}\n\n',
            b'{"id":"r"}',
        ),
        (b'event: response.failed\ndata: {"response":{"id":"r"}}\n\n', None),
        (b"", None),
    ],
)
def test_the_response_is_found_in_the_last_bytes(last: bytes, found: bytes | None) -> None:
    assert response_in(last) == found
