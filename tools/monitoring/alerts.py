"""From deploy/prometheus/alerts.toml: Prometheus' rules, promtool's tests, and the runbook pages."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "deploy/prometheus/alerts.toml"
RUNBOOKS = "docs/src/content/docs/operate/runbooks"
_DURATION = re.compile(r"\b(\d+)(m|h)\b")


def load() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tomllib.loads(SOURCE.read_text())["alert"]
    return found


def slug(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


def rules(alerts: list[dict[str, Any]], hasten: int = 1) -> str:
    """`rules.yml`. `hasten` divides every `for` and every range: for tests that wait."""
    lines = [
        "# Made from alerts.toml by tools/monitoring/write.py. Not edited.",
        "groups:",
        "  - name: opengateway",
        "    rules:",
    ]
    for alert in alerts:
        lines += [
            f"      - alert: {alert['name']}",
            f"        expr: '{_hastened(alert['expr'], hasten)}'",
            f"        for: {_hastened(alert['for'], hasten)}",
            f"        labels: {{severity: {alert['severity']}}}",
            "        annotations:",
            f"          summary: '{alert['summary']}'",
            f"          runbook_url: '/docs/operate/runbooks/{slug(alert['name'])}/'",
        ]
    return "\n".join(lines) + "\n"


def _hastened(text: str, by: int) -> str:
    if by == 1:
        return text
    seconds = {"m": 60, "h": 3600}
    return _DURATION.sub(lambda m: f"{max(1, int(m[1]) * seconds[m[2]] // by)}s", text)


def unit_tests(alerts: list[dict[str, Any]]) -> str:
    """`rules-test.yml`: each alert fires when it should, and is gone when it should."""
    lines = [
        "# Made from alerts.toml by tools/monitoring/write.py. Not edited.",
        "rule_files: [rules.yml]",
        "evaluation_interval: 1m",
        "tests:",
    ]
    for alert in alerts:
        lines += [f"  - name: {alert['name']}", "    interval: 1m", "    input_series:"]
        for series in alert["series"]:
            lines += [
                f"      - series: '{series['series']}'",
                f"        values: '{series['values']}'",
            ]
        lines.append("    promql_expr_test:")
        for at, count in (("0m", 0), (alert["fires_at"], 1), (alert["clear_at"], 0)):
            name = alert["name"]
            state = f'ALERTS{{alertname="{name}",alertstate="firing"}}'
            samples = f"[{{labels: '{{}}', value: {count}}}]" if count else "[]"
            lines += [
                f"      - expr: 'count({state})'",
                f"        eval_time: {at}",
                f"        exp_samples: {samples}",
            ]
    return "\n".join(lines) + "\n"


def runbook(alert: dict[str, Any]) -> str:
    title = re.sub(r"(?<!^)(?=[A-Z])", " ", alert["name"]).capitalize()
    woken = "somebody is woken" if alert["severity"] == "page" else "on the next working day"
    summary = re.sub(r"\{\{ \$labels\.(\w+) \}\}", r"(\1)", alert["summary"])
    look = "\n".join(f"- {line}" for line in alert["look"])
    do = "\n".join(f"{n}. {line}" for n, line in enumerate(alert["do"], 1))
    lasts = "at once" if alert["for"] == "0m" else f"after {alert['for']}"
    return f"""---
title: "{alert["name"]}"
description: "{summary[:1].upper()}{summary[1:]}."
---

<!-- Made from deploy/prometheus/alerts.toml by tools/monitoring/write.py. Not edited. -->

**{title}**: {summary}. Severity `{alert["severity"]}`: {woken}. It fires {lasts}:

```text
{alert["expr"]}
```

## What it means

{alert["means"]}

## Look at

{look}

## Do

{do}

When it is over, write down what happened as the skill `triage-incident` says: the weekly report asks for it.
"""


def index(alerts: list[dict[str, Any]]) -> str:
    rows = "\n".join(
        f"| [{a['name']}](/docs/operate/runbooks/{slug(a['name'])}/) | `{a['severity']}` |"
        f" {re.sub(r'{{ .labels.([a-z]+) }}', r'(' + chr(92) + '1)', a['summary'])} |"
        for a in alerts
    )
    return f"""---
title: Runbooks
description: One page for each alert, with what it means and what to do.
---

<!-- Made from deploy/prometheus/alerts.toml by tools/monitoring/write.py. Not edited. -->

Every alert of `deploy/prometheus/rules.yml` names its page here in `runbook_url`.

| Alert | Severity | When |
|---|---|---|
{rows}
"""


def files() -> dict[Path, str]:
    alerts = load()
    pages = ROOT / RUNBOOKS
    return {
        ROOT / "deploy/prometheus/rules.yml": rules(alerts),
        ROOT / "deploy/prometheus/rules-test.yml": unit_tests(alerts),
        pages / "index.md": index(alerts),
        **{pages / f"{slug(alert['name'])}.md": runbook(alert) for alert in alerts},
    }
