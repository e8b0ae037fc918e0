"""Kept bodies in control: what is taken in, who may read it, what is found, when it is forgotten."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from asgi_client import call
from control_plane import control_in
from opengateway.control.kept_bodies import service as module
from opengateway.control.kept_bodies.service import kept_body
from opengateway.domain.kept_body import CapturedBody, SealedBody, packed, purpose_of
from opengateway.domain.request_log import DAY_NS
from opengateway.infra.secret_box import AesSecretBox
from opengateway.kit import envelope
from opengateway.kit.framing import frame
from opengateway.policies.permissions import Role
from people import People, Person

BOX = AesSecretBox({1: b"d" * 32})
MAIL = "somebody@example.org"


def captured(request: Any, answer: bytes = b"{}", **changes: Any) -> CapturedBody:
    sent = request if isinstance(request, bytes) else json.dumps(request).encode()
    made = CapturedBody(
        *("gen_1", "team_a", None, 1, "chat.completions", sent, len(sent), answer, len(answer)),
        stream=answer.startswith((b"data:", b"event:")),
    )
    return msgspec.structs.replace(made, **changes)


class Office:
    def __init__(self, people: People) -> None:
        self.people = people

    async def begin(self) -> None:
        people = self.people
        self.owner, self.member = await people.person(), await people.person()
        self.support = await people.person(platform=Role("platform_support"))
        self.team = await people.team("mine", owner=self.owner, member=self.member)
        self.now_ns = people.house.parts.operation.clock.now_ns()

    async def keep(self, number: int, text: str = "hello", **changes: Any) -> str:
        """A request's id, whose body is kept."""
        request_id = f"gen_{number:032x}"
        changes = {"team_id": self.team, "started_at_ns": self.now_ns - number, **changes}
        body = captured({"messages": [text]}, request_id=request_id, **changes)
        sealed = envelope.seal(packed(body), purpose_of(body.team_id, request_id), BOX.seal)
        frames = frame(
            msgspec.msgpack.encode(
                SealedBody(request_id, body.team_id, body.member_id, body.started_at_ns, sealed)
            )
        )
        assert (await self.push(frames)).status == 200
        return request_id

    async def push(self, data: bytes) -> Any:
        return await call(self.people.house.internal_app, "POST", "/internal/v1/bodies", body=data)

    async def read(self, request_id: str, who: Person | None = None) -> Any:
        return await self.people.ask(who or self.owner, "GET", f"/logs/{request_id}/body")

    async def count(self) -> int:
        return int((await self.people.rows("SELECT count(*) FROM request_bodies"))[0][0])


@pytest.fixture
async def office(tmp_path: Path, store_url: str) -> AsyncIterator[Office]:
    async with control_in(tmp_path, store_url) as house:
        made = Office(People(house))
        await made.begin()
        yield made


async def test_an_owner_reads_a_body_and_that_is_on_record(office: Office) -> None:
    request_id = await office.keep(1, "where is my invoice")
    shown = (await office.read(request_id)).json()
    assert json.loads(shown["request"]["text"]) == {"messages": ["where is my invoice"]}
    assert shown["response"] == {"text": "{}", "size_bytes": 2, "truncated": False}
    assert shown["kept_until_ns"] == office.now_ns - 1 + 30 * DAY_NS
    entries = await office.people.rows("SELECT object_id FROM audit_log WHERE action='body.read'")
    assert [row[0] for row in entries] == [request_id]


async def test_a_member_support_and_other_teams_read_none(office: Office) -> None:
    request_id = await office.keep(1)
    stranger = await office.people.person()
    await office.people.team("other", owner=stranger)
    named = f"/logs/{request_id}/body?team_id={office.team}"
    assert (await office.read(request_id, office.member)).status == 403
    assert (await office.people.refused(office.support, "GET", named))[0] == 403
    assert (await office.read(request_id, stranger)).status == 404
    assert (await office.people.refused(stranger, "GET", named))[0] == 404
    assert (
        await office.people.rows("SELECT object_id FROM audit_log WHERE action='body.read'") == []
    )


async def test_what_lies_in_the_store_is_unreadable_and_bound_to_its_request(
    office: Office,
) -> None:
    first, second = await office.keep(1, "the secret plan"), await office.keep(2)
    ((stored,),) = await office.people.rows(
        f"SELECT sealed FROM request_bodies WHERE request_id = '{first}'"
    )
    assert b"secret plan" not in bytes(stored)

    async def swap(scope: Any, _: Any) -> None:
        from sqlalchemy import text

        await scope.session.execute(
            text("UPDATE request_bodies SET sealed = :s WHERE request_id = :r"),
            {"s": bytes(stored), "r": second},
        )

    await office.people._within(swap)
    assert (await office.read(second)).json()["error"]["code"] == "body_not_kept"


async def test_a_push_again_and_a_damaged_push_change_nothing(office: Office) -> None:
    await office.keep(1)
    before = (await office.read(f"gen_{1:032x}")).json()
    await office.keep(1, "another text")
    assert (await office.read(f"gen_{1:032x}")).json() == before
    for data in (b"not frames at all", frame(b"not a body"), frame(b"x")[:-1] + b"y"):
        assert (await office.push(data)).status == 400
    assert await office.count() == 1


async def test_a_search_finds_texts_and_says_where_it_stopped(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SCANNED", 4)
    monkeypatch.setattr(module, "_CHUNK", 2)
    for number in range(1, 8):
        await office.keep(number, "The INVOICE" if number in (1, 6) else "something else")
    asked = f"/logs/bodies?team_id={office.team}&text=invoice"
    first = await office.people.done(office.owner, "GET", asked)
    assert ([f["id"][-1] for f in first["data"]], first["scanned"]) == (["1"], 4)
    assert (first["data"][0]["where"], first["unreadable"]) == ("request", 0)
    assert "The INVOICE" in first["data"][0]["excerpt"]
    rest = await office.people.done(office.owner, "GET", f"{asked}&after={first['next']}")
    assert [f["id"][-1] for f in rest["data"]] == ["6"]
    assert (rest["scanned"], rest["next"]) == (3, None)
    rows = await office.people.rows("SELECT after FROM audit_log WHERE action='bodies.searched'")
    assert len(rows) == 2
    assert "invoice" not in str(rows).lower()


async def test_bodies_are_forgotten_when_their_time_is_over(office: Office) -> None:
    chores = office.people.house.log.bodies
    await office.keep(1)
    old = await office.keep(2, started_at_ns=office.now_ns - 31 * DAY_NS)
    assert (await office.read(old)).status == 404
    assert (await chores.once(), await office.count()) == (1, 1)
    await office.keep(3, started_at_ns=office.now_ns - 3 * DAY_NS)
    assert await chores.once() == 0
    await office.people.done(office.owner, "PATCH", f"/teams/{office.team}", {"bodies_days": 2})
    assert (await office.read(f"gen_{3:032x}")).status == 404
    assert (await chores.once(), await office.count()) == (1, 1)


async def test_a_deleted_team_and_a_deleted_account_take_their_bodies_along(
    office: Office,
) -> None:
    people = office.people
    theirs = await people.team("theirs", owner=office.owner)
    await office.keep(1, team_id=theirs)
    await office.keep(2, member_id=office.member.id)
    await office.keep(3, member_id=office.owner.id)

    async def leave(scope: Any, _: Any) -> None:
        from sqlalchemy import text

        now = scope.clock.now_ns()
        for statement in (
            f"UPDATE teams SET deleted_at_ns = {now} WHERE id = '{theirs}'",
            f"UPDATE users SET deleted_at_ns = {now} WHERE id = '{office.member.id}'",
        ):
            await scope.session.execute(text(statement))

    await people._within(leave)
    await office.keep(4, team_id=theirs)  # what was still on its way
    assert await office.count() == 3
    assert await people.house.log.bodies.once() == 2
    assert [r[0][-1] for r in await people.rows("SELECT request_id FROM request_bodies")] == ["3"]


async def test_an_owner_erases_all_at_once(office: Office) -> None:
    for number in (1, 2, 3):
        await office.keep(number)
    path = f"/teams/{office.team}/bodies"
    assert (await office.people.refused(office.member, "DELETE", path))[0] == 403
    assert await office.people.done(office.owner, "DELETE", path) == {"erased": 3, "left": 0}
    assert await office.count() == 0


async def test_gateways_hear_that_a_team_keeps_bodies(office: Office) -> None:
    from opengateway.control.memberships.states import team_states

    await office.people.done(office.owner, "PATCH", f"/teams/{office.team}", {"body_logging": True})
    async with office.people.house.parts.database.read() as session:
        assert [s.body_logging for s in await team_states(session)] == [True]
    rows = await office.people.rows("SELECT row FROM changes WHERE kind = 'team'")
    assert '"body_logging":true' in str(rows[-1][0])


# --- what is taken out, and put together ---------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        f"write to {MAIL} now",
        "my key is sk-abcdefgh12345678ijkl",
        "og_live_0123456789abcdefghijABCDEFGHIJ0123456789",
        "call +82 10-1234-5678 please",
        "call 010-1234-5678",
        "call (212) 555-0188",
        "card 4111 1111 1111 1111",
        "number 900101-1234567",
        "Authorization: Bearer abcdef123456",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEabc\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_what_identifies_people_and_secrets_is_taken_out(text: str) -> None:
    kept = kept_body(captured({"messages": [{"content": text}]}))
    assert kept.redactions
    left = json.loads(kept.request)["messages"][0]["content"]
    assert "[redacted]" in left
    assert not any(part in left for part in (MAIL, "12345678", "5678", "0188", "1111", "MIIE"))


@pytest.mark.parametrize(
    "text",
    ["on 2026-11-25 at 13:00:00", "order 1234567890123", "version 1.2.3", "a @ b", "7 x 8 = 56"],
)
def test_plain_numbers_and_times_stay(text: str) -> None:
    assert kept_body(captured({"q": text})).redactions == 0


def test_a_member_that_is_a_secret_goes_as_a_whole_and_a_number_of_that_name_stays() -> None:
    kept = kept_body(captured({"tool": {"password": "hunter2", "token": 12}, "max_tokens": 9}))
    assert json.loads(kept.request) == {
        "tool": {"password": "[redacted]", "token": 12},
        "max_tokens": 9,
    }


def chunks(*deltas: dict[str, Any]) -> bytes:
    events = [{"id": "c1", "choices": [{"index": 0, "delta": d}]} for d in deltas]
    return b"".join(b"data: %b\n\n" % json.dumps(e).encode() for e in events) + b"data: [DONE]\n\n"


def test_a_stream_is_one_answer_and_an_address_cut_by_it_is_found() -> None:
    stream = chunks(
        {"role": "assistant", "content": "Write to some"},
        {"content": "body@exam"},
        {"content": "ple.org."},
        {"tool_calls": [{"index": 0, "id": "t1", "function": {"name": "f", "arguments": "{"}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": "}"}}]},
    )
    kept = kept_body(captured({}, stream))
    message = json.loads(kept.answer)["choices"][0]["message"]
    assert message["content"] == "Write to [redacted]."
    assert message["tool_calls"][0]["function"] == {"name": "f", "arguments": "{}"}


@pytest.mark.parametrize("cut", [0, 5])
def test_streams_of_the_other_surfaces_are_put_together_too(cut: int) -> None:
    messages = (
        b'event: message_start\ndata: {"type":"message_start","message":{"id":"m"}}\n\n'
        b'data: {"type":"content_block_start","index":0,'
        b'"content_block":{"type":"text","text":""}}\n\n'
        b'data: {"type":"content_block_delta","index":0,'
        b'"delta":{"type":"text_delta","text":"Hel"}}\n\n'
        b'data: {"type":"content_block_delta","index":0,'
        b'"delta":{"type":"text_delta","text":"lo"}}\n\n'
        b'data: {"type":"message_delta","delta":{"stop_reason":"end_turn"}}\n\n'
    )
    kept = json.loads(kept_body(captured({}, messages[: len(messages) - cut])).answer)
    assert kept["content"] == [{"type": "text", "text": "Hello"}]
    responses = (
        b'data: {"type":"response.created","response":{"id":"r"}}\n\n'
        b'data: {"type":"response.output_text.delta","item_id":"i","delta":"Hel"}\n\n'
        b'data: {"type":"response.output_text.delta","item_id":"i","delta":"lo"}\n\n'
        b'data: {"type":"response.completed","response":{"id":"r","output":["Hello"]}}\n\n'
    )
    kept = json.loads(kept_body(captured({}, responses[: len(responses) - cut])).answer)
    assert kept["id"] == "r" if not cut else kept["so_far"] == {"i response.output_text": "Hello"}


def test_a_body_that_is_no_json_or_was_cut_is_kept_as_text() -> None:
    kept = kept_body(captured(b'{"messages": ["mail ' + MAIL.encode(), request_bytes=999))
    assert kept.request == '{"messages": ["mail [redacted]'
    assert (kept.request_cut, kept.request_bytes) == (True, 999)
    deep = b"[" * 5_000 + b"]" * 5_000
    assert kept_body(captured(deep)).request == deep.decode()
