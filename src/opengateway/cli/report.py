"""`opengateway report`: what a zone did, from its own records."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from opengateway.domain.errors import OperatorError

report_app = typer.Typer(help="Reports.", no_args_is_help=True, rich_markup_mode=None)

ZoneFile = Annotated[Path, typer.Option("--zone", help="The zone file.", envvar="OPENGATEWAY_ZONE")]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
_PAGE = 1000
_MOST = 5_000_000
"""Records that are read for one report."""
_DAY_NS = 86_400 * 1_000_000_000
_WEEK_NS = 7 * _DAY_NS


@report_app.callback()
def _group() -> None:
    """Reports."""


@report_app.command("weekly")
def weekly(
    zone: ZoneFile,
    until: Annotated[
        str | None, typer.Option(help="The day after the last, YYYY-MM-DD. Tomorrow if left out.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Traffic, cost, margin, reliability, changes of models, drift of prices and capabilities, smoke
    tests and incidents of seven days, beside those of the seven before."""
    from opengateway.kit.clock import SystemClock

    ends_ns = (SystemClock().now_ns() // _DAY_NS + 1) * _DAY_NS if until is None else _day(until)
    print(asyncio.run(_weekly(zone, ends_ns, as_json)))


def _day(text: str) -> int:
    from datetime import UTC, datetime

    try:
        parsed = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise typer.BadParameter("must be a day, YYYY-MM-DD", param_hint="--until") from None
    return int(parsed.timestamp()) * 1_000_000_000


async def _weekly(zone: Path, ends_ns: int, as_json: bool) -> str:
    from opengateway.checks.report.figures import Figures
    from opengateway.checks.report.weekly import WeeklySources, document, page
    from opengateway.cli.remote import ask
    from opengateway.compose.remote_control import control_of
    from opengateway.kit.json import dumps

    starts_ns = ends_ns - _WEEK_NS
    async with control_of(zone) as client:
        status = await ask(client, "GET", "/status", None)
        operators = frozenset((await ask(client, "GET", "/operator-teams", None))["data"])
        week, before = Figures(operators), Figures(operators)
        await _read(client, starts_ns - _WEEK_NS, ends_ns, starts_ns, (before, week))

        async def since(path: str, at: str) -> list[dict[str, Any]]:
            rows = (await ask(client, "GET", path, None, limit=100))["data"]
            return [row for row in rows if starts_ns <= row[at] < ends_ns]

        sources = WeeklySources(
            zone=status["zone"],
            from_ns=starts_ns,
            until_ns=ends_ns - 1,
            week=week,
            before=before,
            smoke_runs=await since("/admin/smoke/runs", "started_at_ns"),
            proposals=await since("/admin/smoke/proposals", "created_at_ns"),
            prices=(await ask(client, "GET", "/new-prices", None, since_ns=starts_ns))["data"],
            flagged=_flagged(),
            ledger=(await ask(client, "GET", "/ledger/verify", None, only="I2"))["counts"],
        )
    return dumps(document(sources)).decode() if as_json else page(sources)


async def _read(
    client: Any, from_ns: int, until_ns: int, middle_ns: int, figures: tuple[Any, Any]
) -> None:
    """Every record that began in the span, to the first figures before the middle, else the other."""
    from opengateway.cli.remote import ask

    # An id of no request that says a time: what arrived after it is what began after it, roughly.
    after = f"gen_{from_ns // 1_000_000:012x}70008000000000000000"
    for _ in range(_MOST // _PAGE):
        rows = (await ask(client, "GET", "/events", None, limit=_PAGE, after=after))["data"]
        for row in rows:
            if from_ns <= row["started_at_ns"] < until_ns:
                figures[row["started_at_ns"] >= middle_ns].add(row)
        if len(rows) < _PAGE:
            return
        after = rows[-1]["id"]
    raise OperatorError(f"more than {_MOST:,} records in two weeks: too many for this report")


def _flagged() -> list[tuple[str, str]]:
    """Prices of the catalogue that two sources tell differently."""
    from opengateway.catalog.config import PriceCheck
    from opengateway.catalog.loader import load_catalogue

    return [
        (f"{model_id} at {endpoint.provider}", str(endpoint.price.source))
        for model_id, model in load_catalogue().models.items()
        for endpoint in model.endpoints
        if endpoint.price.check is PriceCheck.DIFFER
    ]
