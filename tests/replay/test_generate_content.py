"""Every recorded generateContent exchange through the Gemini wire, against what it must give."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import pytest

from opengateway.checks import replay_generate_content
from opengateway.checks.recorded_case import RecordedCase, read_cases
from opengateway.checks.replay import replay_case
from opengateway.checks.replay_generate_content import play_generate_content
from opengateway.domain.chat import UpstreamCall
from opengateway.wires.gemini import GeminiWire
from recordings import RECORDINGS, needs_recordings


def _cases() -> dict[str, RecordedCase]:
    folders = [RECORDINGS / name for name in ("google", "vertex")]
    cases = (case for folder in folders if folder.is_dir() for case in read_cases(folder))
    return {c.case_id: c for c in cases if c.endpoint.endswith("enerateContent")}


CASES = _cases()


@needs_recordings
@pytest.mark.parametrize("case_id", sorted(CASES) or ["none"])
def test_a_recorded_exchange_gives_what_it_must(case_id: str) -> None:
    verdict = replay_case(CASES[case_id])
    assert verdict.verdict == "pass", verdict.reason
    if CASES[case_id].status == 200:
        assert {"text", "finish", "path", "replayed.thoughtSignature"} < set(verdict.checks)


@needs_recordings
def test_all_of_google_and_vertex_are_played() -> None:
    counted = [(c.provider, c.endpoint) for c in CASES.values()]
    assert {pair: counted.count(pair) for pair in set(counted)} == {
        ("google", "generateContent"): 15,
        ("google", "streamGenerateContent"): 9,
        ("vertex", "generateContent"): 9,
        ("vertex", "streamGenerateContent"): 2,
    }


@needs_recordings
@pytest.mark.parametrize(
    ("member", "wrong"),
    [
        ("text", "something else"),
        ("reasoning", "something else"),
        ("tool_calls", [{"name": "f", "arguments": {}}]),
        ("finish", "length"),
        ("usage", {"input": 1}),
        ("usage", {"total": 1}),
    ],
)
def test_a_difference_is_a_fault(member: str, wrong: Any) -> None:
    case = next(c for c in CASES.values() if (c.expect or {}).get("finish") == "stop")
    spoilt = dataclasses.replace(case, expect={**(case.expect or {}), member: wrong})
    faults, _ = play_generate_content(spoilt)
    assert len(faults) == 1
    assert faults[0].startswith(member)


@needs_recordings
def test_a_cut_answer_and_another_path_are_faults() -> None:
    case = next(c for c in CASES.values() if c.stream)
    (fault,) = play_generate_content(dataclasses.replace(case, response=case.response[:-9]))[0]
    assert fault.startswith("end: truncated")
    (fault,) = play_generate_content(dataclasses.replace(case, path="/v1/elsewhere"))[0]
    assert fault.startswith("path:")


@needs_recordings
def test_every_recorded_answer_with_a_signature_gives_it_back() -> None:
    with_one = [c for c in CASES.values() if b"thoughtSignature" in c.response]
    assert len(with_one) >= 15
    for case in with_one:
        faults, checks = play_generate_content(case)
        assert not faults
        assert "replayed.thoughtSignature" in checks


@needs_recordings
def test_a_signature_that_does_not_come_back_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    class Forgetful(GeminiWire):
        def request(self, *args: Any) -> UpstreamCall:
            call = super().request(*args)
            body = call.body.replace(b'"thoughtSignature"', b'"forgotten"')
            return msgspec.structs.replace(call, body=body)

    monkeypatch.setattr(replay_generate_content, "_WIRE", Forgetful())
    case = next(c for c in CASES.values() if b"thoughtSignature" in c.response)
    (fault,) = play_generate_content(case)[0]
    assert fault.startswith("replayed.thoughtSignature: 0 of")
