"""A provider that says nothing of usage: we count what the caller got, and say that we did."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.product import Product, Simulator, Zone, product
from opengateway.infra.tokens import TiktokenCounter

pytestmark = pytest.mark.slow

MODEL = "openai/gpt-4o"
"""Its family has a tokenizer: o200k."""
ASK = "[[simulate usage_missing=true]] Tell a story of 60 words, with a fox. 여우 이야기도 좋아요."


@pytest.fixture(scope="module")
def counting(provider: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    zone = Zone(provider, Path(tmp_path_factory.mktemp("counting")))
    zone.provider("main", "openai")
    zone.model(MODEL, ("main", "sim-chat"))
    with product(zone) as running:
        yield running


def told(running: Product, *, stream: bool) -> tuple[str, dict[str, Any]]:
    """What the caller got, and the record of it."""
    body = {"model": MODEL, "stream": stream, "messages": [{"role": "user", "content": ASK}]}
    status, raw, headers = running.chat(body)
    assert status == 200, raw
    if stream:
        *events, end = [e.removeprefix(b"data: ") for e in raw.strip().split(b"\n\n")]
        assert end == b"[DONE]"
        deltas = [c["delta"] for e in events for c in json.loads(e)["choices"]]
        text = "".join(delta.get("content") or "" for delta in deltas)
    else:
        answer = json.loads(raw)
        assert "usage" not in answer, "the provider gave none"
        text = answer["choices"][0]["message"]["content"]
    return text, running.record(headers["x-request-id"])


@pytest.mark.parametrize("stream", [False, True])
def test_the_record_has_the_tokens_of_what_the_caller_got(counting: Product, stream: bool) -> None:
    counter = TiktokenCounter()
    seen = []
    # The first count loads the tokenizer, which takes longer than a caller is kept waiting; so may
    # any on a machine that is busy.
    for _ in range(10):
        text, record = told(counting, stream=stream)
        assert record["usage_estimated"] is True
        assert record["ending"] == "completed"
        assert len(text.split()) > 20
        expected = {
            "input_tokens": counter.count(["user", ASK], "o200k_base") + 3 + 3,
            "output_tokens": counter.count([text], "o200k_base"),
        }
        seen.append(record["usage"])
        if seen[-1] == expected:
            return
    raise AssertionError(f"expected {expected}, not one of {seen}")
