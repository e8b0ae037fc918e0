from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from control_plane import closed
from opengateway.domain.errors import InvalidRequest, NotFound
from opengateway.domain.principal import KeyKind, Principal
from opengateway.domain.records import CloseRecord, Ending
from opengateway.gateway.generations import GenerationDesk

PRINCIPAL = Principal("key_a", "team_a", "k", KeyKind.INFERENCE, "d", 1, "og_live_...abcd", 0)


class Records:
    """What control has: the team's own alone."""

    def __init__(self, *records: CloseRecord) -> None:
        self.records = records

    async def find(self, team_id: str, wanted: str) -> CloseRecord | None:
        return next(
            (r for r in self.records if r.team_id == team_id and wanted in (r.id, r.upstream_id)),
            None,
        )


async def told(query: str, *records: CloseRecord) -> Any:
    desk = GenerationDesk(Records(*records).find)
    return json.loads(await desk.tell(PRINCIPAL, query))["data"]


@pytest.mark.parametrize("wanted", [f"gen_{1:032x}", "chatcmpl-of-the-provider"])
async def test_a_request_is_told_by_our_id_and_by_the_providers(wanted: str) -> None:
    record = closed(1, upstream_id="chatcmpl-of-the-provider", cost_nanos=1_300)
    found = await told(f"id={wanted}", record)
    assert found["id"] == record.id
    assert found["total_cost"] == 0.0000013
    assert (found["tokens_prompt"], found["tokens_completion"]) == (15, 3)
    assert found["native_tokens_cached"] == 5
    assert [a["status"] for a in found["attempts"]] == ["failed", "succeeded"]
    assert found["cancelled"] is False


async def test_one_that_its_caller_left_says_so() -> None:
    record = closed(1, ending=Ending.CLIENT_GONE, usage_estimated=True)
    found = await told(f"id={record.id}", record)
    assert (found["cancelled"], found["estimated"]) == (True, True)


async def test_what_is_another_teams_is_not_there() -> None:
    record = msgspec.structs.replace(closed(1), team_id="team_b")
    with pytest.raises(NotFound, match="there is no request"):
        await told(f"id={record.id}", record)


@pytest.mark.parametrize("query", ["", "id=", "id=" + "x" * 257, "id=%00", "other=1"])
async def test_a_question_without_an_id_is_refused(query: str) -> None:
    with pytest.raises(InvalidRequest, match="give the id") as refused:
        await told(query)
    assert refused.value.param == "id"
