"""Exchanges of the recordings' form, written here from the vendors' documents: what no recording has.

Refusals, several choices, log probabilities, sound, files, tools of the vendors' own, citations, errors of
each class, errors within streams, answers that say nothing. Each is replayed as a recording is.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from opengateway.checks.recorded_case import read_cases
from opengateway.checks.replay import replay_case

FOLDER = Path(__file__).parent / "constructed"
CASES = {case.case_id: case for case in read_cases(FOLDER)}


@pytest.mark.parametrize("case_id", CASES)
def test_a_constructed_exchange_gives_what_it_must(case_id: str) -> None:
    verdict = replay_case(CASES[case_id])
    assert (verdict.verdict, verdict.reason) == ("pass", "")


def test_a_case_that_cannot_be_read_fails_and_does_not_end_the_run(tmp_path: Path) -> None:
    case = json.loads(next(FOLDER.glob("openai-*chat*.json")).read_bytes())
    case["request"]["body"] = {"messages": 7}
    case["response"]["body"] = "[]"
    (tmp_path / "case.json").write_text(json.dumps(case))
    (verdict,) = (replay_case(one) for one in read_cases(tmp_path))
    assert verdict.verdict == "fail"
    case["endpoint"] = "of no one"
    (tmp_path / "case.json").write_text(json.dumps(case))
    (verdict,) = (replay_case(one) for one in read_cases(tmp_path))
    assert verdict.verdict == "not_covered"
