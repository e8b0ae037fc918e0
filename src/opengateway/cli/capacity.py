"""`opengateway capacity`: what a load takes, by what was measured."""

from __future__ import annotations

from typing import Annotated

import typer


def capacity(
    requests_per_s: Annotated[float | None, typer.Option(min=0.001, max=1e7)] = None,
    requests_per_minute: Annotated[float | None, typer.Option(min=0.001, max=1e9)] = None,
    streamed: Annotated[float, typer.Option(min=0, max=1, help="The part that is streamed.")] = 0.5,
    output_tokens: Annotated[
        float, typer.Option(min=0, max=1e6, help="Of a stream; about one event each.")
    ] = 300,
    duration_s: Annotated[
        float, typer.Option(min=0.001, max=3600, help="How long a request takes, on average.")
    ] = 6,
    records_days: Annotated[int, typer.Option(min=0, max=3650, help="As `retention` says.")] = 400,
    busy: Annotated[
        float, typer.Option(min=0.05, max=1, help="How much of a core may be used.")
    ] = 0.6,
    core_hour_usd: Annotated[float, typer.Option(min=0, help="What a core costs you.")] = 0.04,
    gib_month_usd: Annotated[float, typer.Option(min=0, help="What storage costs you.")] = 0.10,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Members, connections, storage and cost for a load, and where the estimate breaks."""
    from opengateway.checks.capacity import Load, plan_for, told
    from opengateway.kit.json import dumps

    if (requests_per_s is None) == (requests_per_minute is None):
        raise typer.BadParameter("give one of --requests-per-s and --requests-per-minute")
    rate = requests_per_s if requests_per_s is not None else (requests_per_minute or 0) / 60
    plan = plan_for(
        Load(
            requests_per_s=rate,
            streamed=streamed,
            events=output_tokens,
            duration_s=duration_s,
            records_days=records_days,
            busy=busy,
            core_hour_usd=core_hour_usd,
            gib_month_usd=gib_month_usd,
        )
    )
    if as_json:
        print(dumps(plan).decode())
        return
    for line in told(plan):
        print(line)
