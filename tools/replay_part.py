"""What a replay takes for intended: `checks/replay_exceptions.toml` as tables."""

from __future__ import annotations

from opengateway.checks.replay_rules import replay_rules


def replay_part() -> str:
    rules = replay_rules()
    lines = ["| Member of the request | Is | At | Why |", "|---|---|---|---|"]
    for row in rules.difference:
        where = ", ".join(row.providers) or "all"
        lines.append(f"| `{row.member}` | {row.change} | {where} | {row.reason} |")
    lines += ["", "| One case | Check | Why |", "|---|---|---|"]
    lines += [f"| `{one.case_id}` | {one.check} | {one.reason} |" for one in rules.exception]
    lines += ["", "| What is not replayed | Why |", "|---|---|"]
    lines += [f"| `{what}` | {why} |" for what, why in sorted(rules.not_covered.items())]
    return "\n".join(lines)
