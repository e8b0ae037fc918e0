"""Token counts as disjoint dimensions: nothing counted twice (E29), nothing lost (E30)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opengateway.domain.catalog import Profile
from opengateway.domain.usage import Dimension as D
from opengateway.wires.openai_chat.usage import for_caller, is_whole, usage_object, usage_of

PLAIN = Profile()


@pytest.mark.parametrize(
    ("reported", "wanted"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 3}, {D.INPUT: 10, D.OUTPUT: 3}),
        (
            {"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 4}},
            {D.INPUT: 6, D.CACHE_READ: 4},
        ),
        (
            {
                "prompt_tokens": 100,
                "prompt_tokens_details": {
                    "cached_tokens": 60,
                    "cache_write_tokens": 30,
                    "audio_tokens": 4,
                },
            },
            {D.INPUT: 6, D.CACHE_READ: 60, D.CACHE_WRITE: 30, D.AUDIO_INPUT: 4},
        ),
        (
            {
                "completion_tokens": 20,
                "completion_tokens_details": {"reasoning_tokens": 12, "audio_tokens": 3},
            },
            {D.OUTPUT: 5, D.REASONING: 12, D.AUDIO_OUTPUT: 3},
        ),
        (
            {
                "prompt_tokens": 9,
                "prompt_cache_hit_tokens": 8,
                "prompt_cache_miss_tokens": 1,
                "prompt_tokens_details": {"cached_tokens": 8},
            },
            {D.INPUT: 1, D.CACHE_READ: 8},
        ),
        ({"prompt_tokens": 9, "cached_tokens": 8}, {D.INPUT: 1, D.CACHE_READ: 8}),
        ({"prompt_tokens": 9, "num_cached_tokens": 8}, {D.INPUT: 1, D.CACHE_READ: 8}),
        (
            {"prompt_tokens": 9, "prompt_token_details": {"cached_tokens": 8}},
            {D.INPUT: 1, D.CACHE_READ: 8},
        ),
        ({"input_tokens": 4, "output_tokens": 2}, {D.INPUT: 4, D.OUTPUT: 2}),
        ({"completion_tokens": 9, "reasoning_tokens": 5}, {D.OUTPUT: 4, D.REASONING: 5}),
    ],
)
def test_e29_e30_every_kind_is_counted_once_wherever_it_stands(
    reported: dict[str, Any], wanted: dict[D, int]
) -> None:
    usage = usage_of(reported, PLAIN)
    assert usage is not None
    assert usage.quantities == wanted


def test_a_vendor_that_leaves_parts_out_of_its_totals_is_known_by_its_profile() -> None:
    reported = {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 30},
        "completion_tokens_details": {"reasoning_tokens": 7},
    }
    excludes = Profile(usage_excludes_reasoning=True, usage_may_exclude_cache=True)
    usage = usage_of(reported, excludes)
    assert usage is not None
    assert usage.quantities == {D.INPUT: 10, D.CACHE_READ: 30, D.OUTPUT: 5, D.REASONING: 7}
    usage = usage_of(reported, PLAIN)
    assert usage is not None
    assert usage.quantities == {D.CACHE_READ: 10, D.REASONING: 5}


def test_a_usage_without_any_count_is_unknown() -> None:
    for reported in ({}, {"prompt_tokens": 0, "completion_tokens": 0}, {"prompt_tokens": None}):
        assert usage_of(reported, PLAIN) is None


def test_the_object_for_callers_includes_the_parts_in_the_totals() -> None:
    usage = usage_of(
        {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 4},
            "completion_tokens_details": {"reasoning_tokens": 2},
        },
        PLAIN,
    )
    assert usage is not None
    shown = usage_object(usage)
    assert (shown["prompt_tokens"], shown["completion_tokens"], shown["total_tokens"]) == (
        10,
        5,
        15,
    )
    assert shown["prompt_tokens_details"]["cached_tokens"] == 4
    assert shown["completion_tokens_details"]["reasoning_tokens"] == 2


NUMBERS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5_000),
    st.integers(),
    st.floats(),
    st.text(max_size=3),
)
DETAILS = st.one_of(
    NUMBERS,
    st.dictionaries(
        st.sampled_from(
            ["cached_tokens", "cache_write_tokens", "audio_tokens", "reasoning_tokens", "x"]
        ),
        NUMBERS,
    ),
)
REPORTED = st.fixed_dictionaries(
    {},
    optional={
        **{
            name: NUMBERS
            for name in (
                "prompt_tokens",
                "completion_tokens",
                "total_tokens",
                "input_tokens",
                "cached_tokens",
                "num_cached_tokens",
                "reasoning_tokens",
            )
        },
        "prompt_tokens_details": DETAILS,
        "completion_tokens_details": DETAILS,
    },
)


@settings(deadline=None)
@given(REPORTED, st.booleans(), st.booleans())
def test_no_quantity_is_negative_and_no_total_is_exceeded(
    reported: dict[str, Any], excludes_reasoning: bool, excludes_cache: bool
) -> None:
    profile = Profile(
        usage_excludes_reasoning=excludes_reasoning, usage_may_exclude_cache=excludes_cache
    )
    usage = usage_of(reported, profile)
    shown = for_caller(reported, usage)
    if usage is None:
        assert all(shown[name] is reported[name] for name in reported)
        return
    assert all(0 < count <= 1 << 52 for count in usage.quantities.values())
    if not excludes_reasoning and not excludes_cache:
        whole = usage_of({k: reported.get(k) for k in ("prompt_tokens", "input_tokens",
                                                       "completion_tokens")}, PLAIN)  # fmt: skip
        assert usage.input_tokens + usage.output_tokens == (
            0 if whole is None else whole.input_tokens + whole.output_tokens
        )
    totals = ("prompt_tokens", "completion_tokens", "total_tokens")
    assert all(isinstance(shown[name], int) for name in totals)
    assert all(shown[name] is reported[name] for name in reported if name not in _MENDED)


_MENDED = frozenset(
    ("prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details",
     "completion_tokens_details")
)  # fmt: skip


def test_a_caller_sees_totals_that_hold_their_parts_and_thoughts_where_clients_look() -> None:
    excludes = Profile(usage_excludes_reasoning=True)
    told = {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 22,
        "completion_tokens_details": {"reasoning_tokens": 7},
    }
    usage = usage_of(told, excludes)
    assert not is_whole(told, usage)
    shown = for_caller(told, usage)
    assert (shown["completion_tokens"], shown["total_tokens"]) == (12, 22)
    beside = {"prompt_tokens": 3, "completion_tokens": 9, "total_tokens": 12, "reasoning_tokens": 4}
    usage = usage_of(beside, PLAIN)
    assert not is_whole(beside, usage)
    assert for_caller(beside, usage)["completion_tokens_details"]["reasoning_tokens"] == 4
    plain = {"prompt_tokens": 3, "completion_tokens": 9, "total_tokens": 12}
    assert is_whole(plain, usage_of(plain, PLAIN))
