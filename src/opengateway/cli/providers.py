"""`opengateway providers discover`: what a server on one's own network serves."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from opengateway.domain.errors import OperatorError

providers_app = typer.Typer(help="Providers.", no_args_is_help=True, rich_markup_mode=None)


@providers_app.callback()
def providers() -> None:
    """Providers."""


@providers_app.command("discover")
def discover(
    base_url: Annotated[str, typer.Argument(help="As http://10.0.0.5:8000/v1")],
    name: Annotated[str, typer.Option(help="What the zone file shall call it.")] = "house",
    api_key: Annotated[
        str, typer.Option(help="Where its key is, as env:NAME; none for a server without.")
    ] = "",
    context: Annotated[
        int, typer.Option(min=256, help="Of models whose server does not say theirs.")
    ] = 8192,
    ca_file: Annotated[Path | None, typer.Option(help="Certificates to trust.")] = None,
) -> None:
    """Ask an OpenAI-compatible server (vLLM, Ollama, llama.cpp, SGLang) for its models.

    Prints rows for a zone file: look them over, give them prices, paste them.
    """
    from opengateway.compose.discovery import models_of, rows_for
    from opengateway.compose.references import BadReference, References

    secret = ""
    if api_key:
        if not api_key.startswith(("env:", "file:")):
            raise typer.BadParameter("--api-key: write env:NAME or file:PATH, not the key itself")
        try:
            secret = References(Path.cwd(), os.environ).read(api_key)
        except BadReference as error:
            raise OperatorError(str(error)) from None
    found = asyncio.run(models_of(base_url, secret, ca_file))
    typer.echo(rows_for(name, base_url, found, context, api_key), nl=False)
    typer.echo(f"# {len(found)} models at {base_url}", err=True)
