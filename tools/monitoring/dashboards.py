"""Grafana's dashboards as code: what each panel asks, and JSON made of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy/grafana/dashboards"
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_RATE = "$__rate_interval"
_REQUESTS = 'opengateway_requests_total{model=~"$model",provider=~"$provider"}'
_INPUTS = 'dimension=~"input_tokens|cache_read_tokens|cache_write_tokens|cache_write_1h_tokens"'


@dataclass(frozen=True)
class Panel:
    """`asks` are (query, legend)."""

    title: str
    asks: tuple[tuple[str, str], ...]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 12
    description: str = ""
    stacked: bool = False


@dataclass(frozen=True)
class Board:
    slug: str
    title: str
    panels: tuple[Panel, ...]


def _one(title: str, query: str, legend: str = "", **more: Any) -> Panel:
    return Panel(title, ((query, legend),), **more)


def _quantiles(title: str, histogram: str, by: str = "", **more: Any) -> Panel:
    group = f"le, {by}" if by else "le"
    legend = f"{{{{{by}}}}} " if by else ""
    asks = tuple(
        (
            f"histogram_quantile({q}, sum by ({group}) (rate({histogram}_bucket[{_RATE}])))",
            f"{legend}p{round(q * 100)}",
        )
        for q in (0.5, 0.95, 0.99)
    )
    return Panel(title, asks, unit="s", **more)


def _stat(title: str, query: str, unit: str = "short", width: int = 4) -> Panel:
    return _one(title, query, unit=unit, kind="stat", width=width)


OVERVIEW = Board(
    "overview",
    "OpenGateway / Overview",
    (
        _stat("Requests a second", f"sum(rate({_REQUESTS}[{_RATE}]))", "reqps"),
        _stat(
            "Answered well",
            f'sum(rate(opengateway_requests_total{{ending="completed"}}[{_RATE}]))'
            f" / sum(rate(opengateway_requests_total[{_RATE}]))",
            "percentunit",
        ),
        _stat(
            "Charged an hour",
            f"sum(rate(opengateway_cost_nanodollars_total[{_RATE}])) * 3600 / 1e9",
            "currencyUSD",
        ),
        _stat(
            "Providers take an hour",
            f"sum(rate(opengateway_provider_cost_nanodollars_total[{_RATE}])) * 3600 / 1e9",
            "currencyUSD",
        ),
        _stat("In flight", "sum(opengateway_in_flight)"),
        _stat("Ledger imbalance", "sum(opengateway_ledger_imbalance)"),
        _one(
            "Traffic by model",
            f"topk(10, sum by (model) (rate({_REQUESTS}[{_RATE}])))",
            "{{model}}",
            unit="reqps",
            stacked=True,
        ),
        _one(
            "Provider distribution",
            f"sum by (provider) (rate({_REQUESTS}[{_RATE}]))",
            "{{provider}}",
            unit="reqps",
            stacked=True,
        ),
        _quantiles("Response time", "opengateway_request_seconds"),
        _quantiles("Time to first content", "opengateway_first_token_seconds"),
        _one(
            "Cost by provider, US dollars an hour",
            f"sum by (provider) (rate(opengateway_cost_nanodollars_total[{_RATE}])) * 3600 / 1e9",
            "{{provider}}",
            unit="currencyUSD",
            stacked=True,
        ),
        _one(
            "Tokens by kind",
            f"sum by (dimension) (rate(opengateway_tokens_total[{_RATE}]))",
            "{{dimension}}",
            stacked=True,
        ),
        _one(
            "Endings",
            f"sum by (ending) (rate({_REQUESTS}[{_RATE}]))",
            "{{ending}}",
            unit="reqps",
            stacked=True,
        ),
        _one(
            "Errors by code",
            f"topk(10, sum by (code) (rate(opengateway_errors_total[{_RATE}])))",
            "{{code}}",
            unit="reqps",
        ),
    ),
)

PROVIDERS = Board(
    "providers",
    "OpenGateway / Providers and endpoints",
    (
        _one(
            "Attempts that succeed",
            'sum by (provider) (rate(opengateway_attempts_total{provider=~"$provider",'
            f'error_class="succeeded"}}[{_RATE}])) / sum by (provider)'
            f' (rate(opengateway_attempts_total{{provider=~"$provider"}}[{_RATE}]))',
            "{{provider}}",
            unit="percentunit",
        ),
        _one(
            "Attempts by region",
            'sum by (provider, region) (rate(opengateway_attempts_total{provider=~"$provider"}'
            f"[{_RATE}]))",
            "{{provider}}/{{region}}",
            unit="reqps",
        ),
        _one(
            "Trouble by class",
            "sum by (provider, error_class) (rate(opengateway_attempts_total{"
            f'error_class!="succeeded"}}[{_RATE}]))',
            "{{provider}} {{error_class}}",
            unit="reqps",
        ),
        _one(
            "Endpoints by how well they are",
            'sum by (provider, region, standing) (opengateway_endpoint_standing{provider=~"$provider"})',
            "{{provider}}/{{region}} {{standing}}",
        ),
        _one(
            "Scopes that are out",
            "sum by (kind) (opengateway_health_out)",
            "{{kind}}",
        ),
        _one(
            "Credentials refused",
            f'sum(increase(opengateway_attempts_total{{error_class="auth"}}[{_RATE}])) or vector(0)',
            "refused",
        ),
        _quantiles("Time to first content", "opengateway_first_token_seconds", "provider"),
        _one(
            "Usage left out by providers",
            f"sum by (provider) (rate(opengateway_usage_missing_total[{_RATE}])) or vector(0)",
            "{{provider}}",
            unit="reqps",
        ),
    ),
)

LATENCY = Board(
    "latency",
    "OpenGateway / Latency",
    (
        _quantiles("Response time by operation", "opengateway_request_seconds", "operation"),
        _quantiles("Streams and whole answers", "opengateway_request_seconds", "stream"),
        _quantiles("Time to first content", "opengateway_first_token_seconds", "provider"),
        _quantiles("Time in the gateway itself", "opengateway_overhead_seconds", "operation"),
        _one(
            "Time in the gateway, spread",
            f"sum by (le) (increase(opengateway_overhead_seconds_bucket[{_RATE}]))",
            "{{le}}",
            kind="heatmap",
        ),
        _one("Journal lag", "max(opengateway_journal_lag_seconds)", "lag", unit="s"),
    ),
)

ROUTING = Board(
    "routing",
    "OpenGateway / Routing and failover",
    (
        _one(
            "Failovers by reason",
            f"sum by (reason) (rate(opengateway_failovers_total[{_RATE}]))",
            "{{reason}}",
            unit="reqps",
            stacked=True,
        ),
        _one(
            "From where to where",
            f"sum by (from_provider, to_provider) (rate(opengateway_failovers_total[{_RATE}]))",
            "{{from_provider}} > {{to_provider}}",
            unit="reqps",
        ),
        _one(
            "Share of requests that went on",
            f"sum(rate(opengateway_failovers_total[{_RATE}]))"
            f" / sum(rate(opengateway_requests_total[{_RATE}]))",
            "share",
            unit="percentunit",
        ),
        _one(
            "Attempts a request",
            f"sum(rate(opengateway_attempts_total[{_RATE}]))"
            f" / sum(rate(opengateway_requests_total[{_RATE}]))",
            "attempts",
        ),
        _one(
            "Turned away before they were opened",
            f"sum by (step, code) (rate(opengateway_refused_total[{_RATE}]))",
            "{{step}} {{code}}",
            unit="reqps",
        ),
        _one(
            "Stickiness",
            f"sum by (result) (rate(opengateway_sticky_total[{_RATE}])) or vector(0)",
            "{{result}}",
            unit="reqps",
        ),
    ),
)

CACHE = Board(
    "cache",
    "OpenGateway / Cache",
    (
        _one(
            "Share of input read from caches",
            f'sum(rate(opengateway_tokens_total{{dimension="cache_read_tokens"}}[{_RATE}]))'
            f" / sum(rate(opengateway_tokens_total{{{_INPUTS}}}[{_RATE}]))",
            "share",
            unit="percentunit",
        ),
        _one(
            "Share by model",
            "topk(10, sum by (model) (rate(opengateway_tokens_total{"
            f'dimension="cache_read_tokens"}}[{_RATE}])) / sum by (model)'
            f" (rate(opengateway_tokens_total{{{_INPUTS}}}[{_RATE}])))",
            "{{model}}",
            unit="percentunit",
        ),
        _one(
            "Tokens of input by kind",
            f"sum by (dimension) (rate(opengateway_tokens_total{{{_INPUTS}}}[{_RATE}]))",
            "{{dimension}}",
            stacked=True,
        ),
        _one(
            "Stickiness that hit",
            f'(sum(rate(opengateway_sticky_total{{result="hit"}}[{_RATE}])) or vector(0))'
            f" / (sum(rate(opengateway_sticky_total[{_RATE}])) > 0 or vector(1))",
            "share",
            unit="percentunit",
        ),
    ),
)

MONEY = Board(
    "money",
    "OpenGateway / Cost and money integrity",
    (
        _stat("Held by leases", "sum(opengateway_ledger_held_nanodollars) / 1e9", "currencyUSD"),
        _stat("Available", "sum(opengateway_ledger_available_nanodollars) / 1e9", "currencyUSD"),
        _stat("Owed by teams", "sum(opengateway_ledger_debt_nanodollars) / 1e9", "currencyUSD"),
        _stat("Leases open", "sum(opengateway_ledger_open_leases)"),
        _stat("Requests open", "sum(opengateway_open_requests)"),
        _stat("Unpriced", "sum(opengateway_unpriced_total)"),
        Panel(
            "Charged and taken, US dollars an hour",
            (
                (
                    f"sum(rate(opengateway_cost_nanodollars_total[{_RATE}])) * 3600 / 1e9",
                    "teams pay",
                ),
                (
                    f"sum(rate(opengateway_provider_cost_nanodollars_total[{_RATE}])) * 3600 / 1e9",
                    "providers take",
                ),
                (
                    f"sum(rate(opengateway_operator_cost_nanodollars_total[{_RATE}])) * 3600 / 1e9",
                    "our own tests",
                ),
            ),
            unit="currencyUSD",
        ),
        _one(
            "Margin by provider, US dollars an hour",
            f"(sum by (provider) (rate(opengateway_cost_nanodollars_total[{_RATE}]))"
            f" - sum by (provider) (rate(opengateway_provider_cost_nanodollars_total[{_RATE}])))"
            " * 3600 / 1e9",
            "{{provider}}",
            unit="currencyUSD",
        ),
        _one(
            "Invariants that do not hold",
            "max by (invariant) (opengateway_ledger_imbalance)",
            "{{invariant}}",
        ),
        _one(
            "Cost by model, US dollars an hour",
            "topk(10, sum by (model) (rate(opengateway_cost_nanodollars_total"
            f"[{_RATE}]))) * 3600 / 1e9",
            "{{model}}",
            unit="currencyUSD",
        ),
        Panel(
            "Served, and not charged as it should be",
            (
                ("sum(increase(opengateway_void_total[1h]))", "void"),
                ("sum(increase(opengateway_unrecorded_total[1h]))", "unrecorded"),
                (
                    "sum(increase(opengateway_provider_cost_unknown_total[1h])) or vector(0)",
                    "cost unknown",
                ),
                (
                    "sum(increase(opengateway_usage_missing_total[1h])) or vector(0)",
                    "usage missing",
                ),
            ),
        ),
        _one("Journal not settled", "sum(opengateway_journal_depth_bytes)", "bytes", unit="bytes"),
    ),
)

SMOKE = Board(
    "smoke",
    "OpenGateway / Smoke tests",
    (
        _stat("Proposed changes of the catalogue", "sum(opengateway_catalogue_proposals)", width=6),
        _stat(
            "Features that work",
            'sum(opengateway_smoke_cells{verdict="pass"}) / sum(opengateway_smoke_cells)',
            "percentunit",
            width=6,
        ),
        _stat("Oldest success", "max(opengateway_smoke_age_seconds)", "s", width=6),
        _stat(
            "Providers take for tests, all in all",
            "sum(opengateway_operator_cost_nanodollars_total) / 1e9",
            "currencyUSD",
            width=6,
        ),
        _one(
            "Since a test worked",
            "max by (provider, region) (opengateway_smoke_age_seconds)",
            "{{provider}}/{{region}}",
            unit="s",
        ),
        _one(
            "Features by verdict",
            "sum by (provider, verdict) (opengateway_smoke_cells)",
            "{{provider}} {{verdict}}",
        ),
        _one(
            "Requests of the tests",
            f"sum by (ending) (rate(opengateway_operator_requests_total[{_RATE}]))",
            "{{ending}}",
            unit="reqps",
        ),
        Panel(
            "Recurring jobs",
            (
                ("max by (job) (opengateway_job_age_seconds)", "{{job}} began"),
                ("max by (job) (opengateway_job_failed)", "{{job}} failed"),
            ),
            unit="s",
        ),
    ),
)

FLEET = Board(
    "fleet",
    "OpenGateway / Fleet",
    (
        _one("Processes up", "opengateway_process_up", "{{instance}} {{process}}"),
        _one(
            "Restarts",
            "increase(opengateway_process_restarts_total[1h])",
            "{{instance}} {{process}}",
        ),
        _one("In flight", "opengateway_in_flight", "{{instance}}"),
        _one("Mistakes", "increase(opengateway_bugs_total[1h])", "{{instance}}"),
        _one(
            "Journal not settled", "opengateway_journal_depth_bytes", "{{instance}}", unit="bytes"
        ),
        _one(
            "Pushes of the journal",
            f"sum by (outcome) (rate(opengateway_journal_pushes_total[{_RATE}]))",
            "{{outcome}}",
        ),
        _one(
            "Configuration in force",
            "count by (version) (opengateway_snapshot_info)",
            "{{version}}",
        ),
        _one("Key changes", "max(opengateway_change_seq)", "newest"),
    ),
)

BOARDS = (OVERVIEW, PROVIDERS, LATENCY, ROUTING, CACHE, MONEY, SMOKE, FLEET)


def asks() -> list[tuple[str, str, str]]:
    """Every panel's queries: board, panel, query."""
    return [
        (board.slug, panel.title, query)
        for board in BOARDS
        for panel in board.panels
        for query, _ in panel.asks
    ]


def dashboard(board: Board) -> dict[str, Any]:
    x = y = row_height = 0
    panels = []
    for number, panel in enumerate(board.panels, 1):
        height = 4 if panel.kind == "stat" else 8
        if x + panel.width > 24:
            x, y = 0, y + row_height
        panels.append(_panel(panel, number, {"h": height, "w": panel.width, "x": x, "y": y}))
        x, row_height = x + panel.width, height
    return {
        "uid": f"opengateway-{board.slug}",
        "title": board.title,
        "tags": ["opengateway"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": [_datasource(), _variable("provider"), _variable("model")]},
        "annotations": {"list": []},
        "links": [
            {"type": "dashboards", "tags": ["opengateway"], "asDropdown": True, "title": "More"}
        ],
        "panels": panels,
    }


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    custom = {"stacking": {"mode": "normal"}, "fillOpacity": 20} if panel.stacked else {}
    return {
        "id": number,
        "title": panel.title,
        "description": panel.description,
        "type": panel.kind,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "custom": custom}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}}
        if panel.kind == "timeseries"
        else {},
        "targets": [
            {
                "refId": chr(ord("A") + at),
                "datasource": _SOURCE,
                "expr": query,
                "legendFormat": legend,
                "format": "heatmap" if panel.kind == "heatmap" else "time_series",
            }
            for at, (query, legend) in enumerate(panel.asks)
        ],
    }


def _datasource() -> dict[str, Any]:
    return {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Source"}


def _variable(name: str) -> dict[str, Any]:
    query = f"label_values(opengateway_requests_total, {name})"
    return {
        "name": name,
        "label": name.capitalize(),
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": query, "refId": name},
        "definition": query,
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
        "refresh": 2,
        "sort": 1,
    }


def files() -> dict[Path, str]:
    return {
        FOLDER / f"{board.slug}.json": json.dumps(dashboard(board), indent=1) + "\n"
        for board in BOARDS
    }
