"""Every recorded exchange of the operations, and of Cohere's chats, against what it must give."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from opengateway.checks.recorded_case import RecordedCase, read_cases
from opengateway.checks.replay import replay_case
from opengateway.checks.replay_cohere import cohere_endpoint, cohere_provider
from opengateway.checks.replay_operations import OPERATIONS
from opengateway.domain.events import End, Failure, Finish
from opengateway.kit.json import dumps, loads
from opengateway.wires.cohere import CohereWire
from recordings import RECORDINGS, needs_recordings

NOT_SPOKEN = {"ollama-004", "writer-002"}


def _cases() -> dict[str, RecordedCase]:
    if not RECORDINGS.is_dir():
        return {}
    mine = {*OPERATIONS, "cohere.v2.chat"}
    return {c.case_id: c for c in read_cases(RECORDINGS) if c.endpoint in mine}


CASES = _cases()
SPOKEN = sorted(name for name in CASES if name[:10] not in NOT_SPOKEN) or ["none"]
CHATS = sorted(n for n, c in CASES.items() if c.endpoint == "cohere.v2.chat" and c.stream)


@needs_recordings
@pytest.mark.parametrize("case_id", SPOKEN)
def test_a_recorded_exchange_gives_what_it_must(case_id: str) -> None:
    verdict = replay_case(CASES[case_id])
    assert verdict.verdict == "pass", verdict.reason
    assert {"path", "request"} < set(verdict.checks) or CASES[case_id].status >= 400


@needs_recordings
def test_what_is_not_spoken_is_told_with_its_reason() -> None:
    others = [case for name, case in CASES.items() if name[:10] in NOT_SPOKEN]
    assert len(others) == 2
    for case in others:
        verdict = replay_case(case)
        assert verdict.verdict == "not_covered"
        assert "issue" not in verdict.reason


@needs_recordings
def test_all_of_them_are_played() -> None:
    endpoints = [case.endpoint for case in CASES.values()]
    assert {name: endpoints.count(name) for name in set(endpoints)} == {
        "embeddings": 10,
        "embedContent": 3,
        "predict": 1,
        "rerank": 1,
        "images": 2,
        "completions": 6,
        "cohere.v2.chat": 11,
    }


def changed(case: RecordedCase, **members: Any) -> RecordedCase:
    answer = loads(case.response)
    return dataclasses.replace(case, response=dumps({**answer, **members}))


@needs_recordings
@pytest.mark.parametrize(
    ("case_id", "members"),
    [
        ("openai-027", {"usage": {"prompt_tokens": 3}}),
        ("cohere-013", {"embeddings": {"float": [[1.0], [2.0]]}, "texts": []}),
        ("cohere-015", {"results": [{"index": 0, "relevance_score": 0.5}]}),
        ("cohere-002", {"usage": {"billed_units": {"input_tokens": 1, "output_tokens": 1}}}),
        ("cohere-004", {"finish_reason": "MAX_TOKENS"}),
    ],
)
def test_the_replay_sees_what_was_changed(case_id: str, members: dict[str, Any]) -> None:
    case = next(case for name, case in CASES.items() if name.startswith(case_id))
    if case_id == "cohere-013":  # both sides read the same recording: only the count can tell
        members = {"embeddings": {"float": [[1.0]]}}
    assert replay_case(changed(case, **members)).verdict == "fail"


@needs_recordings
@pytest.mark.parametrize("case_id", CHATS or ["none"])
def test_every_prefix_of_a_recorded_chat_is_cut_and_every_cut_the_same(case_id: str) -> None:
    provider, body = cohere_provider("cohere"), CASES[case_id].response
    endpoint = cohere_endpoint(provider, CASES[case_id].model)
    whole = [*(parser := CohereWire().parser(endpoint, provider)).feed(body), *parser.end()]
    assert isinstance(whole[-1], End)
    marker = body.index(b"event: message-end")
    for at in range(0, marker, 97):
        parser = CohereWire().parser(endpoint, provider)
        events = [*parser.feed(body[:at]), *parser.end()]
        assert isinstance(events[-1], Failure)
        assert not [event for event in events if isinstance(event, Finish)]
    for size in (1, 5, 1000):
        parser = CohereWire().parser(endpoint, provider)
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        events = [event for piece in pieces for event in parser.feed(piece)]
        assert [*events, *parser.end()] == whole
