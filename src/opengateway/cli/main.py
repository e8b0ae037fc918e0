"""`opengateway`: one command for whoever runs the product.

Errors are one line on stderr; exit 2 means wrong usage, 1 that what was asked for failed.
Sub-commands import what they need when they run: `opengateway version` is instant.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.exceptions

from opengateway import __version__
from opengateway.cli.admins import admin_app
from opengateway.cli.backups import backup
from opengateway.cli.bundles import bundle_app
from opengateway.cli.capacity import capacity
from opengateway.cli.catalogue import apply_update, sign_update
from opengateway.cli.money import credits_app, ledger_app
from opengateway.cli.people import audit_app, teams_app
from opengateway.cli.providers import providers_app
from opengateway.cli.redeem import redeem_app
from opengateway.cli.report import report_app
from opengateway.cli.routes import route_app
from opengateway.cli.smoke import smoke
from opengateway.domain.errors import GatewayError

app = typer.Typer(
    name="opengateway",
    help="One OpenAI-compatible API in front of many model providers.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
keys_app = typer.Typer(help="API keys.", no_args_is_help=True, rich_markup_mode=None)
catalog_app = typer.Typer(
    help="Models, prices, providers.", no_args_is_help=True, rich_markup_mode=None
)
dev_app = typer.Typer(help="For looking inside.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(keys_app, name="keys")
app.add_typer(teams_app, name="teams")
app.add_typer(admin_app, name="admin")
app.add_typer(audit_app, name="audit")
app.add_typer(credits_app, name="credits")
app.add_typer(redeem_app, name="redeem")
app.add_typer(ledger_app, name="ledger")
app.add_typer(catalog_app, name="catalog")
catalog_app.command("sign")(sign_update)
catalog_app.command("apply")(apply_update)
app.add_typer(providers_app, name="providers")
app.add_typer(route_app, name="route")
app.add_typer(bundle_app, name="bundle")
app.add_typer(report_app, name="report")
app.add_typer(dev_app, name="dev")
app.command("smoke")(smoke)
app.command("capacity")(capacity)
app.command("backup")(backup)

ZoneFile = Annotated[Path, typer.Option("--zone", help="The zone file.", envvar="OPENGATEWAY_ZONE")]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


class Process(StrEnum):
    ALL = "all"
    GATEWAY = "gateway"
    CONTROL = "control"


@app.command()
def serve(
    zone: ZoneFile,
    process: Annotated[Process, typer.Option(help="Which process to run.")] = Process.ALL,
    host: Annotated[str | None, typer.Option(help="Instead of the zone's.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Instead of the zone's.")
    ] = None,
) -> None:
    """Run the product until SIGTERM; then stop accepting, drain, and exit 0."""
    if process is Process.ALL:
        from opengateway.compose.parent import run_parent

        raise typer.Exit(run_parent(zone, host=host, port=port))
    # A process of its own holds nothing of this one: a gateway never has a CLI in memory.
    command = [sys.executable, "-m", f"opengateway.compose.{process.value}", "--zone", str(zone)]
    if process is Process.GATEWAY:
        command += [*(("--host", host) if host else ()), *(("--port", str(port)) if port else ())]
    os.execv(command[0], command)


@app.command()
def doctor(
    zone: ZoneFile,
    members: Annotated[
        int, typer.Option(min=1, max=10_000, help="How many share the zone's servers.")
    ] = 1,
) -> None:
    """Check a zone file and print what it assembles."""
    from opengateway.compose.doctor import doctor as run_doctor

    raise typer.Exit(run_doctor(zone, members=members))


@app.command()
def version() -> None:
    """Print the version."""
    print(__version__)


@app.command()
def migrate(zone: ZoneFile) -> None:
    """Bring the zone's database to this version's schema."""
    from opengateway.compose.control import settings_of
    from opengateway.infra.database import migrate as bring_up
    from opengateway.infra.database import shown

    settings = settings_of(zone)
    _run(lambda: bring_up(settings.database_url))
    print(f"the control store {shown(settings.database_url)!r} has this version's schema")


@app.command()
def simulate(
    cases: Annotated[Path | None, typer.Option(help="Recorded cases to answer from.")] = None,
    port: Annotated[int, typer.Option(min=0, max=65535)] = 9100,
    host: Annotated[str, typer.Option()] = "127.0.0.1",
    faults: Annotated[Path | None, typer.Option(help="Faults to make, a YAML file.")] = None,
) -> None:
    """Run the provider simulator: strict like a provider, with faults on demand."""
    from opengateway.simulator.serve import run as run_simulator

    raise typer.Exit(run_simulator(host, port, cases, faults, None))


@app.command()
def replay(
    cases: Annotated[Path, typer.Option(help="A folder of recorded cases.")],
    as_json: AsJson = False,
) -> None:
    """Run recorded provider replies through the mappers; exit 1 if any fails."""
    from opengateway.checks.replay import run as run_replay

    raise typer.Exit(run_replay(cases, as_json))


@catalog_app.command("list")
def catalog_list(as_json: AsJson = False) -> None:
    """The models that this version knows."""
    from opengateway.checks.catalogue import list_models

    raise typer.Exit(list_models(as_json))


@catalog_app.command("check")
def catalog_check() -> None:
    """Check that every model has context, prices with date and source, and an endpoint."""
    from opengateway.checks.catalogue import check

    raise typer.Exit(check())


@keys_app.command("create")
def keys_create(
    zone: ZoneFile,
    team: Annotated[str, typer.Option(help="The team's name or id; made if it is new.")],
    name: Annotated[str, typer.Option(help="What the key is for.")],
    management: Annotated[bool, typer.Option("--management", help="A key that manages.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a key. Its secret is printed once, and kept nowhere."""
    from opengateway.cli.remote import call, show

    made = _run(
        lambda: call(zone, "POST", "/keys", {"team": team, "name": name, "management": management})
    )
    show(made, as_json, ("id", "key", "team_id"))


@keys_app.command("list")
def keys_list(
    zone: ZoneFile,
    team: Annotated[str, typer.Option(help="The team's name or id.")],
    as_json: AsJson = False,
) -> None:
    """A team's keys. Secrets cannot be shown again."""
    from opengateway.cli.remote import call, show_rows

    found = _run(lambda: call(zone, "GET", "/keys", None, team=team))
    show_rows(found["data"], as_json, ("id", "name", "kind", "hint", "revoked_at_ns"))


@keys_app.command("revoke")
def keys_revoke(
    zone: ZoneFile, key_id: Annotated[str, typer.Argument(help="The key's id, `key_...`.")]
) -> None:
    """Revoke a key, for ever. Gateways refuse it within seconds."""
    from opengateway.cli.remote import call

    _run(lambda: call(zone, "DELETE", f"/keys/{key_id}", None))
    print(f"revoked {key_id}")


@keys_app.command("rotate")
def keys_rotate(
    zone: ZoneFile,
    key_id: Annotated[str, typer.Argument(help="The key's id, `key_...`.")],
    overlap_s: Annotated[
        int, typer.Option(min=0, max=2_592_000, help="How long the old secret is taken too.")
    ] = 86_400,
    as_json: AsJson = False,
) -> None:
    """Give a key a new secret. It is printed once, and kept nowhere."""
    from opengateway.cli.remote import call, show

    path = f"/keys/{key_id}/rotate"
    made = _run(lambda: call(zone, "POST", path, {"overlap_s": overlap_s}))
    show(made, as_json, ("id", "key", "old_until_ns"))


@dev_app.command("tail")
def dev_tail(
    zone: ZoneFile,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as requests end.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    as_json: AsJson = False,
) -> None:
    """The newest request records."""
    from opengateway.cli.remote import tail

    _run(lambda: tail(zone, limit, follow=follow, as_json=as_json))


@dev_app.command("seed")
def dev_seed(
    zone: ZoneFile,
    requests: Annotated[int, typer.Option(min=1, max=100_000_000)] = 100_000,
    days: Annotated[int, typer.Option(min=1, max=400)] = 30,
    team: Annotated[str, typer.Option(help="By id or name; made if it is new.")] = "default",
    teams: Annotated[int, typer.Option(min=1, max=9_999, help="Others are in the log alone.")] = 1,
) -> None:
    """Fill the log with requests that never were. The product must not run meanwhile.

    The ledger hears nothing of them: what is spent and what is logged no longer agree.
    """
    from opengateway.compose.control import settings_of
    from opengateway.compose.seeding import seed

    def told(count: int) -> None:
        print(f"\r{count:,} requests", end="", file=sys.stderr, flush=True)

    settings = settings_of(zone)
    terms = {"teams": teams, "requests": requests, "hours": days * 24}
    _run(lambda: seed(settings, team, **terms, told=told))
    print(file=sys.stderr)
    print(f"{requests:,} requests over {days} days are in the log of zone {settings.zone!r}")


def _run(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    return asyncio.run(work())


def _tell_wrong_usage(error: typer.exceptions.TyperException) -> None:
    """One line, with the command whose `--help` says more; the help itself for a bare command."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "opengateway"
    text = str(getattr(error, "format_message", error.__str__)()).strip()
    if type(error).__name__ == "NoArgsIsHelpError":
        print(text)
    else:
        print(
            f"opengateway: {' '.join(text.split()).rstrip('.')}. See `{command} --help`.",
            file=sys.stderr,
        )


def run() -> None:
    """The console entry point."""
    try:
        code = app(standalone_mode=False)
    except typer.exceptions.TyperException as error:
        _tell_wrong_usage(error)
        sys.exit(2)
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(130)
    except GatewayError as error:
        print(f"opengateway: {error.message}", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        # The reader of our output left; nothing more can be said to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    run()
