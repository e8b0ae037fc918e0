"""Requests that ended go where their team wants them, signed, and nowhere else."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from control_plane import closed, control_in
from opengateway.control.broadcasts import sender as module
from opengateway.control.broadcasts.sender import BroadcastSender
from opengateway.control.webhooks.signing import signature
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.http.unit_of_work import unit_of_work
from opengateway.kit.addresses import OutboundRules
from opengateway.kit.clock import ManualClock
from opengateway.kit.sigv4 import AwsKey, SignatureScope, signed_headers
from opengateway.policies.permissions import Role
from opengateway.ports.transport import UpstreamRequest
from people import People, person_in

HOOK = "https://hooks.example.com/requests"
KEYS = {"access_key_id": "AKIAEXAMPLE", "secret_access_key": "s3cr3tkeyofstorage"}


@dataclass
class Answer:
    status: int = 200

    def abort(self) -> None: ...


@dataclass
class Outside:
    """A transport that remembers what was sent."""

    status: int = 200
    fault: UpstreamError | None = None
    seen: list[UpstreamRequest] = field(default_factory=list)

    async def send(self, request: UpstreamRequest) -> Any:
        self.seen.append(request)
        if self.fault is not None:
            raise self.fault
        return Answer(self.status)


class House:
    def __init__(self, people: People) -> None:
        self.people = people
        self.outside = Outside()
        self.clock = ManualClock(wall_ns=people.house.parts.operation.clock.now_ns())
        parts = people.house.parts
        self.sender = BroadcastSender(
            partial(unit_of_work, parts.database, parts.new_scope),
            self.outside,  # type: ignore[arg-type] # a fake has what is used
            OutboundRules(),
            self.clock,
        )

    async def begin(self) -> None:
        self.owner = await self.people.person()
        self.team = await self.people.team("mine", owner=self.owner)

    async def made(self, kind: str, url: str = HOOK, **more: Any) -> Any:
        path = f"/teams/{self.team}/broadcasts"
        return await self.people.done(self.owner, "POST", path, {"kind": kind, "url": url, **more})

    async def end(self, *numbers: int, team: str = "") -> None:
        async def work(scope: Any, _: Any) -> None:
            await scope.event_log.ingest([closed(n, team_id=team or self.team) for n in numbers])

        await self.people._within(work)

    async def turn(self, after_s: float = 3.0) -> None:
        self.clock.advance(after_s)
        await self.sender.turn()

    async def shown(self) -> Any:
        path = f"/teams/{self.team}/broadcasts"
        return (await self.people.done(self.owner, "GET", path))["data"]


@pytest.fixture
async def house(tmp_path: Path, store_url: str) -> AsyncIterator[House]:
    async with control_in(tmp_path, store_url) as control:
        made = House(People(control))
        await made.begin()
        yield made


async def test_a_webhook_hears_of_what_ends_from_then_on_once_and_signed(house: House) -> None:
    await house.end(1)
    made = await house.made("webhook")
    await house.end(2, 3)
    await house.end(4, team="team_other")
    await house.turn()
    await house.turn()
    (sent,) = house.outside.seen
    told = json.loads(sent.body)
    assert [row["id"][-1] for row in told["data"]] == ["2", "3"]
    assert "provider_cost_nanos" not in told["data"][0]
    headers = sent.headers
    signed = signature(
        made["secret"], headers["webhook-id"], int(headers["webhook-timestamp"]), sent.body
    )
    assert headers["webhook-signature"] == signed
    assert [b["sent"] for b in await house.shown()] == [2]


async def test_a_collector_gets_spans_with_the_conventions_names(house: House) -> None:
    await house.made("otlp", headers={"authorization": "Bearer abc"})
    await house.end(1)
    await house.turn()
    (sent,) = house.outside.seen
    spans = json.loads(sent.body)["resourceSpans"][0]["scopeSpans"][0]["spans"]
    names = {a["key"] for a in spans[0]["attributes"]}
    assert {"gen_ai.request.model", "gen_ai.usage.input_tokens"} <= names
    assert sent.headers["authorization"] == "Bearer abc"
    assert "Bearer" not in str(await house.shown())


async def test_storage_gets_an_object_by_hour_that_its_key_signed(house: House) -> None:
    await house.made("s3", "https://s3.example.com/bucket/logs", region="ap-northeast-2", **KEYS)
    await house.end(1, 2)
    await house.turn()
    (sent,) = house.outside.seen
    assert sent.method == "PUT"
    assert sent.url.startswith("https://s3.example.com/bucket/logs/2025/11/24/16/bc_")
    assert [json.loads(line)["id"][-1] for line in sent.body.splitlines()] == ["1", "2"]
    moment = datetime.strptime(sent.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    again = signed_headers(
        AwsKey(*KEYS.values()),
        SignatureScope("ap-northeast-2", "s3"),
        method="PUT",
        url=sent.url,
        headers={n: sent.headers[n] for n in ("content-type", "x-amz-content-sha256")},
        body=sent.body,
        at_s=int(moment.timestamp()),
    )
    assert sent.headers["authorization"] == again["authorization"]
    rows = await house.people.rows("SELECT secret FROM broadcasts")
    assert KEYS["secret_access_key"] not in str(rows)


async def test_what_is_not_taken_is_sent_again_under_the_same_name_ever_more_rarely(
    house: House,
) -> None:
    await house.made("webhook")
    await house.end(1)
    house.outside.status = 500
    await house.turn()
    await house.turn(3.0)  # too soon
    assert len(house.outside.seen) == 1
    (shown,) = await house.shown()
    assert (shown["last_error"], shown["sent"]) == ("it answered 500", 0)
    house.outside.fault = UpstreamError(ErrorClass.CONNECT, "no way")
    await house.turn(5.0)
    house.outside.status, house.outside.fault = 200, None
    await house.turn(10.0)
    first, _, last = house.outside.seen
    assert first.headers["webhook-id"] == last.headers["webhook-id"]
    assert first.body == last.body
    (shown,) = await house.shown()
    assert (shown["last_error"], shown["failing_since_ns"], shown["sent"]) == ("", None, 1)


async def test_one_that_takes_nothing_for_three_days_is_given_up(house: House) -> None:
    await house.made("webhook")
    await house.end(1)
    house.outside.status = 410
    await house.turn()
    await house.turn(module.GIVEN_UP_S + 1)
    assert [b["disabled"] for b in await house.shown()] == [True]
    await house.turn(9_999)
    assert len(house.outside.seen) == 2


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/x", "http://169.254.169.254/latest", "https://10.0.0.1/x"]
)
async def test_no_address_within_is_taken(house: House, url: str) -> None:
    path, wanted = f"/teams/{house.team}/broadcasts", {"kind": "webhook", "url": url}
    assert await house.people.refused(house.owner, "POST", path, wanted) == (
        400,
        "invalid_request",
    )


async def test_a_team_s_members_and_others_set_none_and_there_are_five_at_most(
    house: House,
) -> None:
    path, wanted = f"/teams/{house.team}/broadcasts", {"kind": "webhook", "url": HOOK}
    member = await person_in(house.people, house.team, Role.MEMBER)
    stranger = await house.people.person()
    assert (await house.people.refused(member, "POST", path, wanted))[0] == 403
    assert (await house.people.refused(stranger, "GET", path))[0] == 404
    for _ in range(5):
        made = await house.made("webhook")
    assert (await house.people.refused(house.owner, "POST", path, wanted))[0] == 409
    one = f"{path}/{made['broadcast']['id']}"
    await house.people.done(house.owner, "PATCH", one, {"disabled": True})
    await house.people.done(house.owner, "DELETE", one)
    assert len(await house.shown()) == 4
    told = await house.people.rows("SELECT action FROM audit_log WHERE action LIKE 'broadcast.%'")
    assert len(told) == 7
