from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from opengateway.checks.smoke.asks import RED_SQUARE, SILENCE, Sent, ask_of
from opengateway.checks.smoke.replies import Reply, Streamed
from opengateway.checks.smoke.runner import SmokeRunner
from opengateway.domain.records import Ending
from opengateway.domain.smoke import Cell, Feature, Outcome, SmokeLevel, Verdict
from opengateway.kit import json

HEADERS = {"x-request-id": "gen_1", "x-opengateway-provider": "acme", "x-should-retry": "false"}
USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}


def cell(feature: Feature, **changes: Any) -> Cell:
    said: dict[str, Any] = {
        "model": "acme/m",
        "kind": "chat",
        "endpoint_id": "acme/m:acme:m",
        "provider": "acme",
        "region": "kr",
        "upstream_model": "m",
        **changes,
    }
    return Cell(feature=feature, **said)


def answer(message: dict[str, Any], status: int = 200, **members: Any) -> Reply:
    body = {
        "model": "acme/m",
        "choices": [{"message": message, "finish_reason": "stop"}],
        "usage": USAGE,
        **members,
    }
    return Reply(status, HEADERS, json.dumps(body), 12.0)


def refusal(status: int, code: str) -> Reply:
    error = {"message": "no", "type": "t", "code": code}
    return Reply(status, HEADERS, json.dumps({"error": error}), 1.0)


class Provider:
    """Answers by what it is asked; remembers what that was."""

    def __init__(self, reply: Callable[[dict[str, Any]], Reply]) -> None:
        self._reply = reply
        self.asked: list[dict[str, Any]] = []
        self.streamed = Streamed(200, HEADERS, [], False, 1.0, None)
        self.ending: Ending | None = Ending.CLIENT_GONE

    async def post(self, sent: Sent) -> Reply:
        self.asked.append(json.loads(sent.body))
        return self._reply(self.asked[-1])

    async def stream(self, sent: Sent, leave_after: int | None = None) -> Streamed:
        self.asked.append(json.loads(sent.body))
        return self.streamed

    async def ending_of(self, _request_id: str) -> Ending | None:
        return self.ending


async def outcomes(provider: Provider, *cells: Cell) -> list[Outcome]:
    found: list[Outcome] = []

    async def tell(outcome: Outcome) -> None:
        found.append(outcome)

    async def no_pause(_seconds: float) -> None:
        return None

    runner = SmokeRunner(provider, provider.ending_of, tell, no_pause)
    await runner.run(cells, SmokeLevel.PRE_PUBLISH)
    return found


async def only(provider: Provider, tried: Cell) -> Outcome:
    (found,) = await outcomes(provider, tried)
    return found


def test_every_request_may_go_to_its_own_endpoint_alone() -> None:
    for feature in Feature:
        if feature in (Feature.USAGE, Feature.CALL):
            continue
        asked = json.loads(ask_of(cell(feature)).body)
        assert asked["provider"] == {"only": ["acme/kr"], "allow_fallbacks": False}
        assert asked["model"] == "acme/m"


def test_the_media_are_what_they_say() -> None:
    assert RED_SQUARE.startswith("data:image/png;base64,iVBORw0KGgo")
    assert SILENCE[:4] == b"RIFF"
    assert SILENCE[8:16] == b"WAVEfmt "
    assert int.from_bytes(SILENCE[4:8], "little") == len(SILENCE) - 8
    form = ask_of(cell(Feature.CALL, kind="transcription"))
    assert SILENCE in form.body
    assert form.content_type.startswith("multipart/form-data; boundary=")


async def test_a_failure_counts_when_it_comes_twice() -> None:
    replies = [answer({"content": ""}), answer({"content": "OK"})]
    moody = Provider(lambda _asked: replies.pop(0))
    assert (await only(moody, cell(Feature.CHAT))).verdict is Verdict.PASS
    never = Provider(lambda _asked: answer({"content": ""}))
    outcome = await only(never, cell(Feature.CHAT))
    assert outcome.verdict is Verdict.FAIL
    assert outcome.detail == "no content"
    assert len(never.asked) == 2


async def test_where_the_plain_call_fails_the_rest_is_skipped() -> None:
    down = Provider(lambda _asked: refusal(503, "provider_overloaded"))
    found = await outcomes(down, cell(Feature.CHAT), cell(Feature.TOOLS), cell(Feature.USAGE))
    assert [o.verdict for o in found] == [Verdict.UNAVAILABLE, Verdict.SKIPPED, Verdict.SKIPPED]


@pytest.mark.parametrize(
    ("status", "code", "verdict"),
    [
        (503, "upstream_auth", Verdict.UNAVAILABLE),
        (402, "team_credit_exhausted", Verdict.UNAVAILABLE),
        (502, "provider_malformed", Verdict.FAIL),
        (404, "model_unavailable_upstream", Verdict.FAIL),
        (400, "invalid_request", Verdict.FAIL),
        (0, "", Verdict.UNAVAILABLE),
    ],
)
async def test_who_does_not_answer_says_nothing_of_what_he_can(
    status: int, code: str, verdict: Verdict
) -> None:
    provider = Provider(lambda _asked: refusal(status, code))
    assert (await only(provider, cell(Feature.TOOLS))).verdict is verdict


@pytest.mark.parametrize(
    ("feature", "good", "bad"),
    [
        (
            Feature.TOOLS,
            {"tool_calls": [{"function": {"name": "get_weather", "arguments": '{"city":"S"}'}}]},
            {"tool_calls": [{"function": {"name": "get_weather", "arguments": '{"town":1}'}}]},
        ),
        (
            Feature.STRUCTURED_OUTPUT,
            {"content": '{"city":"Seoul","country":"Korea"}'},
            {"content": "Seoul, Korea"},
        ),
        (Feature.REASONING, {"content": "9.9", "reasoning_content": "hm"}, {"content": "9.9"}),
        (Feature.VISION, {"content": "red"}, {"content": None}),
    ],
)
async def test_a_claim_holds_by_what_is_answered(
    feature: Feature, good: dict[str, Any], bad: dict[str, Any]
) -> None:
    assert (await only(Provider(lambda _: answer(good)), cell(feature))).verdict is Verdict.PASS
    assert (await only(Provider(lambda _: answer(bad)), cell(feature))).verdict is Verdict.FAIL


async def test_an_answer_of_another_provider_or_name_is_wrong() -> None:
    other = Reply(200, {**HEADERS, "x-opengateway-provider": "b"}, answer({"content": "x"}).body, 1)
    assert "answered by 'b'" in (await only(Provider(lambda _: other), cell(Feature.CHAT))).detail
    named = answer({"content": "x"}, model="vendor-name")
    assert "names the model" in (await only(Provider(lambda _: named), cell(Feature.CHAT))).detail


async def test_a_stream_needs_content_finish_usage_and_its_end() -> None:
    events = [
        {"choices": [{"delta": {"content": "O"}}]},
        {"choices": [{"delta": {}, "finish_reason": "stop"}]},
        {"choices": [], "usage": USAGE},
    ]
    provider = Provider(lambda _: answer({}))
    provider.streamed = Streamed(200, HEADERS, events, True, 5.0, 2.0)
    outcome = await only(provider, cell(Feature.STREAM))
    assert (outcome.verdict, outcome.first_token_ms) == (Verdict.PASS, 2.0)
    for left_out, problem in ((0, "no content"), (1, "no finish_reason"), (2, "no usage chunk")):
        kept = [event for at, event in enumerate(events) if at != left_out]
        provider.streamed = Streamed(200, HEADERS, kept, True, 5.0, None)
        assert (await only(provider, cell(Feature.STREAM))).detail == problem
    provider.streamed = Streamed(200, HEADERS, events, False, 5.0, None)
    assert (await only(provider, cell(Feature.STREAM))).detail == "no end marker"


async def test_a_stream_that_was_left_must_be_recorded_as_left() -> None:
    provider = Provider(lambda _: answer({}))
    assert (await only(provider, cell(Feature.CANCEL))).verdict is Verdict.PASS
    provider.ending = Ending.UPSTREAM_BROKE
    assert (await only(provider, cell(Feature.CANCEL))).detail == "recorded as upstream_broke"
    provider.ending = None
    assert "no record" in (await only(provider, cell(Feature.CANCEL))).detail


async def test_a_cache_is_hit_by_one_of_a_few_tries() -> None:
    def cached(tokens: int) -> Reply:
        return answer({"content": "OK"}, usage={"prompt_tokens_details": {"cached_tokens": tokens}})

    replies = [cached(0), cached(0), cached(4_096)]
    late = Provider(lambda _: replies.pop(0))
    assert (await only(late, cell(Feature.CACHE))).verdict is Verdict.PASS
    never = Provider(lambda _: cached(0))
    assert (await only(never, cell(Feature.CACHE))).detail == "cached_tokens is 0"


async def test_a_wrong_request_must_be_refused_in_full() -> None:
    good = Provider(lambda _: refusal(400, "invalid_type"))
    assert (await only(good, cell(Feature.ERROR_SHAPE))).verdict is Verdict.PASS
    served = Provider(lambda _: answer({"content": "x"}))
    assert (await only(served, cell(Feature.ERROR_SHAPE))).verdict is Verdict.FAIL
    bare = Provider(lambda _: Reply(400, HEADERS, b'{"error":{"message":"m"}}', 1.0))
    assert "no type, code" in (await only(bare, cell(Feature.ERROR_SHAPE))).detail


async def test_usage_is_judged_by_the_plain_call() -> None:
    plain = Provider(lambda _: answer({"content": "OK"}, usage={**USAGE, "total_tokens": 9}))
    found = await outcomes(plain, cell(Feature.CHAT), cell(Feature.USAGE))
    assert [o.verdict for o in found] == [Verdict.PASS, Verdict.FAIL]
    assert len(plain.asked) == 1
