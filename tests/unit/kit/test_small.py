"""Ids, redaction, supervisor: small things that everything stands on."""

from __future__ import annotations

import asyncio
import io
import json

import pytest

from opengateway.kit import log
from opengateway.kit.clock import ManualClock
from opengateway.kit.ids import IdSource, milliseconds_of
from opengateway.kit.redact import redact
from opengateway.kit.supervisor import Supervisor


def test_ids_carry_their_time_and_sort_by_it_even_when_the_clock_stands_still() -> None:
    clock = ManualClock()
    new_id = IdSource(clock)
    made = [new_id("gen_") for _ in range(5000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert milliseconds_of(made[0]) == clock.now_ns() // 1_000_000
    clock.advance(-3600)
    assert new_id("gen_") > made[-1]


def test_ids_are_uuids_of_version_7() -> None:
    digits = IdSource()("key_").removeprefix("key_")
    assert (digits[12], digits[16] in "89ab", len(digits)) == ("7", True, 32)


@pytest.mark.parametrize("text", ["gen_123", "", "gen_" + "z" * 32])
def test_what_is_not_an_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        milliseconds_of(text)


SECRET = "og_live_" + "0123456789ABCDEFGHIJabcdefghij" + "12345678"


@pytest.mark.parametrize(
    "text",
    [
        f"key {SECRET} used",
        f"Authorization: Bearer {SECRET}",
        "authorization: Bearer abcdefgh12345678",
        "sk-proj-abcdefghijkl0123",
        '{"api_key": "hunter2hunter2"}',
        "postgres://user:hunter2hunter2@db/x",
        "password=hunter2hunter2",
    ],
)
def test_secrets_are_taken_out_of_text(text: str) -> None:
    told = redact(text)
    assert "[redacted]" in told
    for secret in (SECRET, "hunter2hunter2", "abcdefgh12345678", "abcdefghijkl0123"):
        assert secret not in told


def test_text_without_secrets_stays_as_it_is() -> None:
    text = "gen_0199 asked openai/gpt-4o for 12 tokens; the token count was fine"
    assert redact(text) == text


def test_a_log_line_is_one_redacted_json_object() -> None:
    stream = io.StringIO()
    writer = log.configure("test", stream=stream)
    try:
        try:
            raise RuntimeError(f"failed with {SECRET}")
        except RuntimeError as error:
            log.get_logger("here").error("bug", key=SECRET, exc_info=error)
    finally:
        writer.close()
    row = json.loads(stream.getvalue())
    assert row["event"] == "bug"
    assert row["process"] == "test"
    assert "RuntimeError" in row["exception"]
    assert SECRET not in stream.getvalue()


async def test_a_supervised_task_that_raises_is_told() -> None:
    told: list[tuple[str, str]] = []
    supervisor = Supervisor(lambda name, bug: told.append((name, str(bug))))

    async def fail() -> None:
        raise ValueError("broken")

    supervisor.start(fail(), name="step")
    assert await supervisor.drain(timeout_s=1) == 0
    assert told == [("step", "broken")]


async def test_draining_cancels_what_does_not_end_in_time() -> None:
    supervisor = Supervisor(lambda *_: None)
    task = supervisor.start(asyncio.sleep(60), name="sleeper")
    assert await supervisor.drain(timeout_s=0.01) == 1
    assert task.cancelled()
