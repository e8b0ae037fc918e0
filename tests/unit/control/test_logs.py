"""The log of requests over HTTP, on both stores."""

from __future__ import annotations

import csv
import json
from collections.abc import AsyncIterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from asgi_client import Reply
from control_plane import closed, control_in
from opengateway.control.logs.desk import LogDesk, TooManyReaders
from opengateway.control.scope import ControlScope
from opengateway.domain.records import AttemptRecord, Ending, RequestError, RoutingRecord
from opengateway.domain.request_log import HOUR_NS, LogFilter
from opengateway.domain.usage import Dimension
from opengateway.policies.permissions import Role
from people import People, Person

NOW = 1_764_000_000_000_000_000 // HOUR_NS * HOUR_NS


class Office:
    """Two teams with requests; an owner of each, somebody of support."""

    def __init__(self, people: People) -> None:
        self.people = people

    async def begin(self) -> None:
        people = self.people
        self.owner, self.other = await people.person(), await people.person()
        self.support = await people.person(platform=Role("platform_support"))
        self.team = await people.team("mine", owner=self.owner)
        self.foreign = await people.team("theirs", owner=self.other)

    async def log(self, *records: Any) -> None:
        async def work(scope: ControlScope, _: Any) -> None:
            await scope.event_log.ingest(records)

        await self.people._within(work)

    def record(self, number: int, **changes: Any) -> Any:
        changes = {
            "team_id": self.team,
            "started_at_ns": NOW + number * 1_000_000_000,
            "user": "u1",
            "user_id": "usr_1",
            "session_id": "s1",
            "upstream_id": f"chatcmpl-{number}",
            **changes,
        }
        return closed(number, **changes)

    async def get(self, path: str, who: Person | None = None, expected: int = 200) -> Any:
        reply = await self.reply(path, who)
        assert reply.status == expected, reply.text
        return reply.json()

    async def reply(self, path: str, who: Person | None = None) -> Reply:
        return await self.people.ask(who or self.owner, "GET", path)

    async def ids(self, query: str, who: Person | None = None) -> list[int]:
        found = await self.get(f"/logs?{query}", who)
        return [int(row["id"].removeprefix("gen_"), 16) for row in found["data"]]


@pytest.fixture
async def office(tmp_path: Path, store_url: str) -> AsyncIterator[Office]:
    async with control_in(tmp_path, store_url) as house:
        made = Office(People(house))
        await made.begin()
        yield made


async def test_pages_go_from_the_newest_to_the_oldest_and_end(office: Office) -> None:
    await office.log(*(office.record(n) for n in range(1, 8)))
    seen: list[int] = []
    after = ""
    for _ in range(3):
        page = await office.get(f"/logs?limit=3&after={after}")
        seen += [int(row["id"].removeprefix("gen_"), 16) for row in page["data"]]
        after = page["next"] or ""
    assert (seen, after) == ([7, 6, 5, 4, 3, 2, 1], "")


async def test_each_filter_finds_what_it_names_and_nothing_else(office: Office) -> None:
    odd = office.record(
        2,
        key_id="key_b",
        model="nova/small",
        provider="nova",
        user="u2",
        user_id="usr_2",
        session_id="s2",
        zone="jp",
        operation="embeddings",
        ending=Ending.REFUSED,
        status=429,
        error=RequestError(429, "rate_limit_exceeded", "slow down"),
        cost_nanos=9_000,
        total_ms=900.0,
    )
    await office.log(office.record(1), odd, office.record(3))
    for query in (
        f"id={odd.id}",
        *("ending=refused", "status=429", "status=4xx", "code=rate_limit_exceeded"),
        *("provider=nova", "owner=nova", "model=nova/small", "key_id=key_b", "member_id=usr_2"),
        *("user=u2", "session_id=s2", "zone=jp", "operation=embeddings"),
        *("min_cost_nanos=9000", "min_ms=900", "provider=nova&min_ms=100"),
        f"from_ns={odd.started_at_ns}&until_ns={odd.started_at_ns + 1}",
    ):
        assert await office.ids(query) == [2], query
    assert await office.ids("max_cost_nanos=8999&max_ms=800") == [3, 1]
    assert await office.ids("provider=nova&zone=kr") == []


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("status=6xx", "status"),
        ("ending=well", "ending"),
        ("min_ms=-1", "min_ms"),
        ("from_ns=5&until_ns=4", "until_ns"),
        ("after=zzz", "after"),
        ("after=cDE6bm9uZQ", "after"),
        ("limit=1001", "limit"),
        ("modell=x", "modell"),
        ("user=%00", "user"),
    ],
)
async def test_a_filter_that_cannot_be_is_refused_by_name(
    tmp_path: Path, query: str, param: str
) -> None:
    async with control_in(tmp_path) as house:
        office = Office(People(house))
        await office.begin()
        assert (await office.get(f"/logs?{query}", expected=400))["error"]["param"] == param


async def test_a_request_is_told_in_full_by_our_id_or_the_providers(office: Office) -> None:
    record = office.record(
        1,
        cost_nanos=1_350,
        cost_parts={Dimension.INPUT: 1_000, Dimension.CACHE_READ: 50, Dimension.OUTPUT: 300},
        provider_cost_nanos=700,
        routing=RoutingRecord("priority", ["acme/global", "nova/global"], sticky="hit"),
        attempts=[
            AttemptRecord("e1", "nova", "global", "l", "main", 0.1, error_message="no such org"),
            AttemptRecord("e2", "acme", "global", "l", "main", 0.2, status="succeeded"),
        ],
    )
    await office.log(record)
    told = await office.get(f"/logs/{record.id}")
    assert told == await office.get("/logs/chatcmpl-1")
    assert [a["provider"] for a in told["attempts"]] == ["nova", "acme"]
    assert told["routing"]["order"] == ["acme/global", "nova/global"]
    assert told["cost"] == {
        "total_nanos": 1_350,
        "parts": {"input_tokens": 1_000, "cache_read_tokens": 50, "output_tokens": 300},
        "fee_nanos": 0,
        # Five tokens at 100 each, less the 50 that they cost.
        "saved_nanos": 450,
        "price_id": None,
    }
    assert told["timings"] == {
        "overhead_us": 240,
        "first_token_ms": 12.5,
        "total_ms": 80.0,
        "tokens_per_second": 44.4,
    }


async def test_a_team_never_sees_what_the_platform_pays_or_whose_account_it_uses(
    office: Office,
) -> None:
    record = office.record(1, provider_cost_nanos=700)
    record.attempts[0].error_message = "no such org"
    await office.log(record)
    for path in ("/logs", f"/logs/{record.id}", "/usage", "/logs/export?format=json"):
        text = (await office.reply(path)).text
        assert "provider_cost" not in text, path
        assert "provider_nanos" not in text, path
        assert "credential" not in text, path
        assert "no such org" not in text, path
    told = await office.get(f"/admin/logs/{record.id}", office.support)
    assert told["cost"]["provider_nanos"] == 700
    assert told["attempts"][0]["error_message"] == "no such org"
    assert (await office.get("/admin/logs", office.support))["data"][0]["provider_cost_nanos"]
    usage = await office.get("/admin/usage?by=team", office.support)
    assert usage["data"][0]["provider_cost_nanos"] == 700


async def test_what_is_another_teams_is_not_there(office: Office) -> None:
    mine, theirs = office.record(1), office.record(2, team_id=office.foreign)
    await office.log(mine, theirs)
    assert await office.ids("") == [1]
    assert await office.ids(f"id={theirs.id}") == []
    for path in (f"/logs/{theirs.id}", "/logs/chatcmpl-2", f"/logs?team_id={office.foreign}"):
        await office.get(path, expected=404)
    assert theirs.id not in (await office.reply("/logs/export?format=jsonl")).text
    usage = await office.get("/usage?by=team")
    assert [line["team"] for line in usage["data"]] == [office.team]
    for path in ("/admin/logs", "/admin/usage", f"/admin/logs/{theirs.id}"):
        await office.get(path, expected=403)
    everything = await office.get("/admin/logs", office.support)
    assert len(everything["data"]) == 2
    one = await office.get(f"/admin/logs?team_id={office.foreign}", office.support)
    assert [row["id"] for row in one["data"]] == [theirs.id]


async def test_a_role_without_the_permission_brings_no_team(office: Office) -> None:
    await office.people.join(office.foreign, office.owner, Role("billing"))
    await office.log(office.record(1), office.record(2, team_id=office.foreign))
    assert await office.ids("") == [1]
    await office.get(f"/logs?team_id={office.foreign}", expected=403)
    await office.people.join(office.team, office.other, Role("member"))
    assert await office.ids("", office.other) == [2, 1]
    assert await office.ids(f"team_id={office.team}", office.other) == [1]


async def test_a_management_key_reads_its_own_team(office: Office) -> None:
    key = await office.people.management_key(office.team)
    await office.log(office.record(1), office.record(2, team_id=office.foreign))
    assert await office.ids("", key) == [1]
    await office.get(f"/logs?team_id={office.foreign}", key, expected=404)


async def test_usage_adds_up_to_the_nano_dollar_however_it_is_told_apart(office: Office) -> None:
    records = [
        office.record(
            n,
            started_at_ns=NOW + (n % 30) * HOUR_NS,
            key_id=f"key_{n % 3}",
            model=("acme/large", "nova/small")[n % 2],
            provider=("acme", "nova")[n % 2],
            cost_nanos=1_000_000_007 * n,
            user=f"u{n % 4}",
            ending=Ending.COMPLETED if n % 5 else Ending.UPSTREAM_BROKE,
        )
        for n in range(1, 61)
    ]
    await office.log(*records)
    cost = sum(r.cost_nanos for r in records)
    whole = (await office.get("/usage"))["total"]
    assert (whole["requests"], whole["cost_nanos"], whole["failed"]) == (60, cost, 12)
    assert (whole["input_tokens"], whole["cached_tokens"]) == (900, 300)
    # Rollups know the first of these; of users and endings only the rows know.
    for by in ("model", "provider", "key", "member", "hour", "day", "owner", "user", "session"):
        told = await office.get(f"/usage?by={by}")
        assert sum(line["cost_nanos"] for line in told["data"]) == cost, by
        assert told["total"] == whole, by
    both = await office.get("/usage?by=model&by=day&utc_offset_h=9")
    assert {line["model"] for line in both["data"]} == {"acme/large", "nova/small"}
    assert all((line["day_ns"] + 9 * HOUR_NS) % (24 * HOUR_NS) == 0 for line in both["data"])
    of_one = await office.get("/usage?ending=completed&model=acme/large")
    assert of_one["total"]["requests"] == sum(n % 5 > 0 and n % 2 == 0 for n in range(1, 61))


async def test_a_period_is_compared_with_the_one_before(office: Office) -> None:
    await office.log(
        office.record(1, started_at_ns=NOW - HOUR_NS, cost_nanos=5),
        office.record(2, started_at_ns=NOW, cost_nanos=7),
        office.record(3, started_at_ns=NOW + HOUR_NS, cost_nanos=100),
    )
    told = await office.get(f"/usage?from_ns={NOW}&until_ns={NOW + HOUR_NS}&compare=true")
    assert (told["total"]["cost_nanos"], told["previous"]["cost_nanos"]) == (7, 5)
    refused = await office.get(f"/usage?from_ns={NOW + 1}", expected=400)
    assert refused["error"]["param"] == "from_ns"


async def test_a_second_delivery_is_not_counted_twice(office: Office) -> None:
    await office.log(office.record(1), office.record(2))
    await office.log(office.record(2), office.record(3), office.record(3))
    assert (await office.get("/usage"))["total"]["requests"] == 3


async def test_percentiles_are_within_two_percent(office: Office) -> None:
    await office.log(
        *(office.record(n, total_ms=float(n), first_token_ms=n / 10) for n in range(1, 401))
    )
    (line,) = (await office.get("/usage/latency?by=model"))["data"]
    assert (line["model"], line["requests"]) == ("acme/large", 400)
    for name, exact in (("p50", 200), ("p90", 360), ("p95", 380), ("p99", 396)):
        assert line["total_ms"][name] == pytest.approx(exact, rel=0.02)
        assert line["first_token_ms"][name] == pytest.approx(exact / 10, rel=0.02)


async def test_an_export_has_every_row_and_no_formula(office: Office) -> None:
    await office.log(*(office.record(n, user="=cmd()") for n in range(1, 12)))
    reply = await office.reply("/logs/export?max_ms=100")
    rows = list(csv.DictReader(StringIO(reply.text)))
    assert reply.headers["content-type"].startswith("text/csv")
    assert [int(row["id"].removeprefix("gen_"), 16) for row in rows] == list(range(11, 0, -1))
    assert {row["user"] for row in rows} == {"'=cmd()"}
    listed = (await office.get("/logs"))["data"]
    assert (await office.get("/logs/export?format=json"))["data"] == listed
    lines = (await office.reply("/logs/export?format=jsonl")).text.splitlines()
    assert [json.loads(line) for line in lines] == listed


async def test_an_export_as_parquet_has_the_same_rows_and_leaves_no_file(
    office: Office, tmp_path: Path
) -> None:
    import duckdb

    await office.log(*(office.record(n) for n in range(1, 8)))
    reply = await office.reply("/logs/export?format=parquet")
    path = tmp_path / "taken.parquet"
    path.write_bytes(reply.body)
    taken = duckdb.sql(f"SELECT * FROM read_parquet('{path}')")
    rows = [dict(zip(taken.columns, row, strict=True)) for row in taken.fetchall()]
    assert rows == (await office.get("/logs"))["data"]
    assert list((tmp_path / "exports").iterdir()) == []


async def test_the_tail_tells_what_arrives_late_too_and_goes_on_where_it_stopped(
    office: Office,
) -> None:
    await office.log(office.record(5), office.record(6))
    desk: LogDesk = office.people.house.parts.logs
    wanted = LogFilter(team_ids=(office.team,))
    tail = desk.tail(wanted, None, 30.0, lambda row: {"id": row.id})
    assert b": here" in await anext(tail)
    # Number 2 began before those that were there when the tail began.
    await office.log(office.record(2), office.record(7, team_id=office.foreign), office.record(8))
    event = await anext(tail)
    assert event.count(b"event: request") == 2
    assert event.index(office.record(2).id.encode()) < event.index(office.record(8).id.encode())
    await tail.aclose()
    number = event.rpartition(b"id: ")[2].partition(b"\n")[0]
    await office.log(office.record(9))
    again = desk.tail(wanted, int(number), 30.0, lambda row: {"id": row.id})
    await anext(again)
    assert office.record(9).id.encode() in await anext(again)
    desk.stop()
    with pytest.raises(StopAsyncIteration):
        await anext(again)


async def test_a_third_export_is_told_to_wait(office: Office) -> None:
    desk: LogDesk = office.people.house.parts.logs
    running = [desk.export(LogFilter(), kind, whole=False) for kind in ("csv", "json")]  # type: ignore[arg-type]
    for export in running:
        await anext(export)
    with pytest.raises(TooManyReaders):
        desk.check_exports()
    assert (await office.reply("/logs/export")).status == 503
    for export in running:
        await export.aclose()
    assert (await office.reply("/logs/export")).status == 200
