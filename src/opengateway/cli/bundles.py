"""`opengateway bundle`: the airgap medium, built and checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from opengateway.domain.errors import OperatorError

bundle_app = typer.Typer(
    help="The airgap medium: built here, installed where there is no network.",
    invoke_without_command=True,
    rich_markup_mode=None,
)


@bundle_app.callback()
def build(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="The folder to write to.")] = Path("dist"),
    checkout: Annotated[Path, typer.Option(help="The checkout to build from.")] = Path(),
    sign: Annotated[
        Path | None, typer.Option(help="A file with an Ed25519 private key, hexadecimal.")
    ] = None,
    platform: Annotated[
        str | None, typer.Option(help="Another platform's wheels, as manylinux_2_28_aarch64.")
    ] = None,
    python: Annotated[
        str | None, typer.Option(help="Another interpreter's wheels, as 3.12.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Write opengateway-VERSION-airgap.tar.gz: wheels by hash, web app, docs, chart, SBOM."""
    if context.invoked_subcommand is not None:
        return
    from opengateway.compose.bundle.build import BundlePlan, build
    from opengateway.compose.bundle.medium import sha256_of

    key = _read(sign) if sign else None
    made = build(BundlePlan(checkout.absolute(), out.absolute(), key, platform, python))
    size = made.archive.stat().st_size
    told = {
        "archive": str(made.archive),
        "sha256": sha256_of(made.archive),
        "bytes": size,
        "files": made.files,
        "signed": key is not None,
        "image": made.image,
    }
    if as_json:
        typer.echo(json.dumps(told))
        return
    typer.echo(f"{made.archive}  {size / 1e6:.1f} MB, {made.files} files")
    typer.echo(f"sha256 {told['sha256']}")
    typer.echo("signed" if key else "not signed: give --sign KEY-FILE to sign the checksums")
    typer.echo(f"image {made.image}")


@bundle_app.command("verify")
def verify(
    folder: Annotated[Path, typer.Argument(help="The unpacked medium.")],
    public_key: Annotated[
        Path | None, typer.Option(help="A file with the builder's public key, hexadecimal.")
    ] = None,
) -> None:
    """Check each file of an unpacked medium, and the signature where a key is given."""
    from opengateway.compose.bundle.medium import check_sums

    count = check_sums(folder, _read(public_key) if public_key else None)
    typer.echo(f"{count} files are as they were" + (", and signed" if public_key else ""))


@bundle_app.command("keygen")
def keygen(
    file: Annotated[Path, typer.Argument(help="Where the private key goes; .pub beside it.")],
) -> None:
    """Make a pair of keys for signing media. The private one is written for its owner alone."""
    import os

    from opengateway.kit.signing import new_keypair

    private, public = new_keypair()
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as stream:
            stream.write(private + "\n")
        Path(f"{file}.pub").write_text(public + "\n")
    except OSError as error:
        raise OperatorError(f"{str(file)!r}: {error.strerror}") from None
    typer.echo(f"{file} (keep it), {file}.pub (hand it out, apart from the medium)")


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        raise OperatorError(f"cannot read the key in {str(path)!r}") from None
