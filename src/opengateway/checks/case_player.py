"""What every player of recorded cases has: the case, what was checked, and what is not as it must be."""

from __future__ import annotations

from opengateway.checks.recorded_case import RecordedCase
from opengateway.checks.replay_rules import replay_rules


class CasePlayer:
    """One case. `checks` names what was looked at; `faults` says in words what is wrong, but for what
    `replay_exceptions.toml` excuses."""

    __slots__ = ("_case", "checks", "faults")

    def __init__(self, case: RecordedCase) -> None:
        self._case = case
        self.checks: list[str] = []
        self.faults: list[str] = []

    def _check(self, name: str, is_right: bool, fault: str) -> None:
        if name not in self.checks:
            self.checks.append(name)
        if is_right:
            return
        excused = any(
            e.case_id == self._case.case_id and e.check == name for e in replay_rules().exception
        )
        if not excused:
            self.faults.append(f"{name}: {fault}")
