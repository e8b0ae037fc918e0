"""Every recorded chat completion, through the dialect and the wire, against what it must give."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from opengateway.checks.recorded_case import RecordedCase, read_cases
from opengateway.checks.replay import replay, replay_case, run
from opengateway.checks.replay_rules import replay_rules
from opengateway.domain.errors import OperatorError
from recordings import RECORDINGS, chat_cases, needs_recordings

CASES = {case["case_id"]: case for case in chat_cases()}


@needs_recordings
@pytest.mark.parametrize("case_id", sorted(CASES) or ["none"])
def test_a_recorded_exchange_gives_what_it_must(case_id: str) -> None:
    verdict = replay_case(_case(CASES[case_id]))
    assert verdict.verdict == "pass", verdict.reason
    assert {"request", "path"} < set(verdict.checks)


@needs_recordings
def test_every_case_is_listed_and_nothing_is_passed_over() -> None:
    verdicts = replay(RECORDINGS)
    assert len(verdicts) == len(list(RECORDINGS.glob("*/*.json")))
    covered = [v for v in verdicts if v.endpoint == "chat.completions"]
    assert len(covered) == len(CASES) >= 111
    assert all(v.verdict == "pass" for v in covered)
    assert all(v.reason for v in verdicts if v.verdict == "not_covered")


@needs_recordings
def test_the_command_tells_one_json_object_a_case(tmp_path: Path) -> None:
    case = next(iter(CASES.values()))
    (tmp_path / "case.json").write_text(json.dumps(case))
    lines: list[str] = []
    assert run(tmp_path, True, lines.append) == 0
    assert [json.loads(line)["case_id"] for line in lines] == [case["case_id"]]


@needs_recordings
@pytest.mark.parametrize(
    ("member", "wrong"),
    [
        ("text", "something else"),
        ("reasoning", "something else"),
        ("tool_calls", [{"name": "f", "arguments": {}}]),
        ("finish", "length"),
        ("usage", {"input": 1}),
        ("usage", {"cache_read": 77}),
    ],
)
def test_a_difference_fails_the_command(member: str, wrong: Any, tmp_path: Path) -> None:
    case = next(c for c in CASES.values() if c["stream"] and c["expect"]["finish"] == "stop")
    spoilt = {**case, "expect": {**case["expect"], member: wrong}}
    (tmp_path / "case.json").write_text(json.dumps(spoilt))
    assert run(tmp_path, False, lambda line: None) == 1


@needs_recordings
def test_a_request_that_would_differ_fails_the_command(tmp_path: Path) -> None:
    chats = (c for c in CASES.values() if c["endpoint"] == "chat.completions")
    case = next(c for c in chats if c["provider"] == "openai" and not c["stream"])
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    body = {**case["request"]["body"], "tools": [tool], "tool_choice": "any"}
    spoilt = {**case, "request": {**case["request"], "body": body}}
    (tmp_path / "case.json").write_text(json.dumps(spoilt))
    lines: list[str] = []
    assert run(tmp_path, False, lines.append) == 1
    assert "tool_choice would be changed" in lines[0]


def test_a_folder_without_cases_is_an_operators_mistake(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="holds no recorded case"):
        replay(tmp_path)
    with pytest.raises(OperatorError, match="is not a folder"):
        replay(tmp_path / "absent")
    (tmp_path / "case.json").write_text('{"case_id": "x"}')
    with pytest.raises(OperatorError, match="not a recorded case"):
        replay(tmp_path)


def test_every_exception_says_why() -> None:
    known = replay_rules()
    assert all(row.reason for row in known.difference)
    assert all(row.reason for row in known.exception)


def _case(document: dict[str, Any]) -> RecordedCase:
    folder = RECORDINGS / str(document["provider"])
    return next(c for c in _cases(folder) if c.case_id == document["case_id"])


_read: dict[Path, list[RecordedCase]] = {}


def _cases(folder: Path) -> list[RecordedCase]:
    if folder not in _read:
        _read[folder] = list(read_cases(folder))
    return _read[folder]
