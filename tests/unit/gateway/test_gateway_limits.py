from __future__ import annotations

import pytest

from opengateway.domain.chat import ChatFacts, ChatRequest
from opengateway.domain.errors import RateLimited, RequestOverLimit
from opengateway.domain.principal import Principal, RateLimits, TeamState
from opengateway.domain.usage import Dimension, Usage
from opengateway.gateway.limits import Rates, refusal, row_set, token_estimate
from opengateway.infra.limits.memory import MemoryRateBook
from opengateway.kit.clock import ManualClock
from opengateway.ports.limits import Level, LimitRow, Measure, Short

from .fakes import PRINCIPAL, chat, endpoint

ENDPOINT = endpoint("one")


def caller(**fields: object) -> Principal:
    kept = {f: getattr(PRINCIPAL, f) for f in Principal.__struct_fields__}
    return Principal(**{**kept, **fields})  # type: ignore[arg-type]


def asking(
    *, max_tokens: int | None = None, n: int = 1, size: int = 40, images: int = 0
) -> ChatRequest:
    facts = ChatFacts(max_output_tokens=max_tokens, n=n, images=images)
    return ChatRequest("lab/m", False, False, {}, facts, size)


def new(team: TeamState | None = None) -> tuple[Rates, ManualClock]:
    clock = ManualClock()
    return Rates(MemoryRateBook(clock), {team.team_id: team} if team else {}), clock


def test_a_key_without_limits_has_no_rows() -> None:
    rates, _ = new(TeamState("team_1", frozen=False))
    assert rates.rows(caller(user_id="usr_1")) is None


def test_a_key_stands_under_its_own_its_makers_and_its_teams_limits() -> None:
    team = TeamState("team_1", rpm=50, members={"usr_1": RateLimits(tpm=9)})
    rows = row_set(caller(rpm=5, user_id="usr_1"), team)
    assert rows is not None
    assert rows.tokens
    assert [(r.level, r.scope, r.rpm, r.tpm) for r in rows.rows] == [
        (Level.KEY, "key:key_1", 5, None),
        (Level.MEMBER, "member:team_1:usr_1", None, 9),
        (Level.TEAM, "team:team_1", 50, None),
    ]
    other = row_set(caller(user_id="usr_2"), team)
    assert other is not None
    assert [r.level for r in other.rows] == [Level.TEAM]


def test_a_changed_team_or_key_is_seen_at_once() -> None:
    teams = {"team_1": TeamState("team_1", rpm=50)}
    rates = Rates(MemoryRateBook(ManualClock()), teams)
    key = caller()
    first = rates.rows(key)
    assert first is not None
    assert rates.rows(key) is first
    teams["team_1"] = TeamState("team_1", rpm=7)
    second = rates.rows(key)
    assert second is not None
    assert second.rows[0].rpm == 7
    third = rates.rows(caller(rpm=3))
    assert third is not None
    assert len(third.rows) == 2
    assert third.rows[1] is second.rows[0], "keys of a team share its row"


async def test_the_broadest_limit_that_is_reached_is_named() -> None:
    rates, _ = new(TeamState("team_1", rpm=1))
    rows = rates.rows(caller(rpm=1, concurrency=1))
    assert rows is not None
    assert rates.take(rows, asking(), ENDPOINT) is not None
    assert rates.take(rows, asking(), ENDPOINT) is None
    with pytest.raises(RateLimited) as caught:
        await rates.secure(rows, asking(), ENDPOINT)
    error = caught.value
    assert error.status == 429
    assert error.message == "the team's limit of 1 requests a minute is reached; try again in 61 s"
    assert error.retry_after_s == 61
    assert error.should_retry
    assert (b"x-ratelimit-remaining-requests", b"0") in error.headers


def test_of_one_level_the_limit_that_lasts_longest_is_named() -> None:
    row = LimitRow(Level.KEY, "key:k", 5, 100, 2)
    shorts = (Short(row, Measure.CONCURRENCY, 1.0), Short(row, Measure.TOKENS, 30.2))
    assert "this key's limit of 100 tokens a minute" in refusal(shorts).message
    assert refusal(shorts).retry_after_s == 31
    assert "of 2 requests at once" in refusal(shorts[:1]).message


def test_headers_have_the_form_that_openais_clients_read() -> None:
    rates, clock = new(TeamState("team_1", tpm=5000))
    rows = rates.rows(caller(rpm=600))
    assert rows is not None
    taken = rates.take(rows, asking(max_tokens=90), ENDPOINT)
    assert taken is not None
    assert rates.headers(rows) == (
        (b"x-ratelimit-limit-requests", b"600"),
        (b"x-ratelimit-remaining-requests", b"599"),
        (b"x-ratelimit-reset-requests", b"1m1s"),
        (b"x-ratelimit-limit-tokens", b"5000"),
        (b"x-ratelimit-remaining-tokens", b"4900"),
        (b"x-ratelimit-reset-tokens", b"1m1s"),
    )
    rates.settle(taken, Usage({Dimension.INPUT: 3, Dimension.REASONING: 4, Dimension.IMAGES: 9}))
    clock.advance(50)
    told = dict(rates.headers(rows))
    assert told[b"x-ratelimit-remaining-tokens"] == b"4993"
    assert told[b"x-ratelimit-reset-tokens"] == b"11s"
    clock.advance(11)
    told = dict(rates.headers(rows))
    assert told[b"x-ratelimit-remaining-tokens"] == b"5000"
    assert told[b"x-ratelimit-reset-tokens"] == b"0s"


def test_headers_tell_only_of_limits_that_are_there() -> None:
    rates, _ = new(TeamState("team_1", tpm=5000))
    rows = rates.rows(caller())
    assert rows is not None
    assert [name for name, _ in rates.headers(rows)] == [
        b"x-ratelimit-limit-tokens",
        b"x-ratelimit-remaining-tokens",
        b"x-ratelimit-reset-tokens",
    ]


def test_declared_output_is_reserved_whole_and_open_output_takes_what_is_left() -> None:
    assert token_estimate(asking(max_tokens=50, n=2), ENDPOINT) == (110, 110)
    assert token_estimate(asking(max_tokens=9999), ENDPOINT) == (110, 110), "the model's own bound"
    assert token_estimate(asking(), ENDPOINT) == (11, 110)
    assert token_estimate(asking(images=2), ENDPOINT)[0] == 2011


def test_a_request_that_no_minute_could_hold_is_told_so_and_not_to_be_repeated() -> None:
    rates, _ = new(TeamState("team_1", tpm=100))
    rows = rates.rows(caller())
    assert rows is not None
    with pytest.raises(RequestOverLimit, match=r"110 tokens.*team's limit is 100 tokens a minute"):
        rates.take(rows, asking(max_tokens=500), ENDPOINT)
    assert not RequestOverLimit("x").should_retry
    assert rates.take(rows, asking(), ENDPOINT) is not None


def test_a_refused_request_eats_nothing() -> None:
    rates, _ = new(TeamState("team_1", rpm=2))
    rows = rates.rows(caller())
    assert rows is not None
    for _ in range(5):
        taken = rates.take(rows, chat(), ENDPOINT)
        assert taken is not None
        rates.release(taken)
    assert rates.take(rows, chat(), ENDPOINT) is not None


def test_windows_without_use_are_dropped() -> None:
    clock = ManualClock()
    book = MemoryRateBook(clock)
    rates = Rates(book, {})
    for number in range(2000):
        rows = rates.rows(caller(key_id=f"key_{number}", rpm=5))
        assert rows is not None
        taken = rates.take(rows, chat(), ENDPOINT)
        assert taken is not None
        rates.settle(taken, None)
        clock.advance(1)
    assert len(book) < 100
