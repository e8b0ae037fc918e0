"""Every recorded Messages exchange through the Anthropic wire, against what it must give."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from anthropic_wire import recorded_messages
from opengateway.checks.recorded_case import RecordedCase
from opengateway.checks.replay import replay_case
from opengateway.kit.json import dumps, loads
from recordings import needs_recordings

CASES = recorded_messages()


@needs_recordings
@pytest.mark.parametrize("case_id", sorted(CASES) or ["none"])
def test_a_recorded_exchange_gives_what_it_must(case_id: str) -> None:
    case = CASES[case_id]
    verdict = replay_case(case)
    assert verdict.verdict == "pass", verdict.reason
    assert {"path", "request"} < set(verdict.checks)
    if case.status == 200:
        assert {"text", "finish", "usage.input", "replayed"} < set(verdict.checks)


@needs_recordings
def test_all_of_them_are_here() -> None:
    assert len(CASES) == 31
    assert sum(case.stream for case in CASES.values()) == 11


def spoilt(case: RecordedCase, **members: Any) -> RecordedCase:
    return replace(case, expect={**(case.expect or {}), **members})


@needs_recordings
@pytest.mark.parametrize(
    ("member", "wrong"),
    [
        ("text", "something else"),
        ("reasoning", "something else"),
        ("tool_calls", [{"name": "f", "arguments": {}}]),
        ("finish", "length"),
        ("usage", {"cache_write_1h": 1}),
        ("server_blocks", 7),
    ],
)
@pytest.mark.parametrize("is_stream", [False, True])
def test_a_difference_fails_the_case(member: str, wrong: Any, is_stream: bool) -> None:
    case = next(c for c in CASES.values() if c.status == 200 and c.stream is is_stream)
    verdict = replay_case(spoilt(case, **{member: wrong}))
    assert verdict.verdict == "fail"
    assert member in verdict.reason


@needs_recordings
@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("max_tokens", 10**9, "max_tokens would be changed"),
        ("seed", 1, "seed"),
        ("messages", [{"role": "user", "content": "hi "}, {"role": "assistant", "content": " "}],
         "messages would be changed"),
    ],
)  # fmt: skip
def test_a_request_that_would_differ_fails_the_case(name: str, value: Any, said: str) -> None:
    case = next(c for c in CASES.values() if c.status == 200 and not c.stream)
    body = {**loads(case.request), name: value}
    verdict = replay_case(replace(case, request=dumps(body)))
    if name == "seed":  # a member that only this dialect knows goes on as it is
        assert verdict.verdict == "pass", verdict.reason
    else:
        assert verdict.verdict == "fail"
        assert said in verdict.reason
