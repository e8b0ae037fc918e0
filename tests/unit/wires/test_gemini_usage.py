"""Token counts: disjoint, and never counted twice (E29 to E31)."""

from __future__ import annotations

from typing import Any

import pytest

from gemini_wire import GOOGLE, WIRE, endpoint, of, replied, response, sse, streamed, text, used
from opengateway.domain.events import UsageReport


def _used(**reported: Any) -> dict[str, int]:
    return used(replied(response(text("x"), finish="STOP", usageMetadata=reported)))


def test_thoughts_are_beside_the_candidates_and_not_within() -> None:
    counted = _used(promptTokenCount=10, candidatesTokenCount=4, thoughtsTokenCount=6)
    assert counted == {"input_tokens": 10, "output_tokens": 4, "reasoning_tokens": 6}


def test_e29_what_was_read_from_a_cache_is_taken_out_of_the_input() -> None:
    counted = _used(promptTokenCount=100, cachedContentTokenCount=90, candidatesTokenCount=1)
    assert counted == {"input_tokens": 10, "cache_read_tokens": 90, "output_tokens": 1}
    counted = _used(promptTokenCount=10, cachedContentTokenCount=90, candidatesTokenCount=1)
    assert counted == {"cache_read_tokens": 10, "output_tokens": 1}


def test_what_the_vendors_tools_fed_in_is_input() -> None:
    counted = _used(promptTokenCount=10, toolUsePromptTokenCount=30, candidatesTokenCount=1)
    assert counted["input_tokens"] == 40


def test_sound_is_counted_apart_where_it_has_a_price() -> None:
    details = [
        {"modality": "TEXT", "tokenCount": 40},
        {"modality": "AUDIO", "tokenCount": 60},
        "noise",
    ]
    reported = {
        "promptTokenCount": 100,
        "promptTokensDetails": details,
        "cachedContentTokenCount": 50,
        "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 20}],
        "candidatesTokenCount": 9,
        "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 8}],
    }
    answer = response(text("x"), finish="STOP", usageMetadata=reported)
    priced = endpoint(audio_input_tokens=1, audio_output_tokens=1)
    assert used(replied(answer, priced)) == {
        "input_tokens": 10,
        "cache_read_tokens": 50,
        "audio_input_tokens": 40,
        "output_tokens": 1,
        "audio_output_tokens": 8,
    }
    assert used(replied(answer)) == {
        "input_tokens": 50,
        "cache_read_tokens": 50,
        "output_tokens": 9,
    }


def test_e31_the_last_usage_of_a_stream_counts_and_each_is_told_as_it_comes() -> None:
    reports = (
        {"promptTokenCount": 169, "totalTokenCount": 169},
        {"promptTokenCount": 169, "totalTokenCount": 169},
        {"promptTokenCount": 79, "candidatesTokenCount": 12, "cachedContentTokenCount": 5},
    )
    chunks = [response(text("x"), usageMetadata=r) for r in reports]
    parser = WIRE.parser(endpoint(), GOOGLE)
    assert len(of(parser.feed(sse(*chunks)), UsageReport)) == 2
    events = streamed(*chunks, response(finish="STOP", usageMetadata={"trafficType": "ON_DEMAND"}))
    assert used(events) == {"input_tokens": 74, "cache_read_tokens": 5, "output_tokens": 12}


@pytest.mark.parametrize("count", [-1, 0, True, "7", None, 1 << 60, float("1e300"), [], {}])
def test_a_count_that_is_none_counts_nothing(count: Any) -> None:
    events = replied(response(text("x"), finish="STOP", usageMetadata={"promptTokenCount": count}))
    assert not of(events, UsageReport)
