"""Building the medium from a checkout. Needs the network that its reader will not have.

Every wheel is taken by the hashes of `requirements/runtime.lock`: the lock decides what is inside, not
the day on which it was built.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from opengateway import __version__
from opengateway.compose.bundle.medium import pack, write_sums
from opengateway.compose.bundle.sbom import bill_of
from opengateway.domain.errors import OperatorError

_TIMEOUT_S: Final = 1800
_BUILT: Final = {"web": "make web", "docs": "make docs"}
_TAKEN: Final = ("LICENSE", "CHANGELOG.md", "SECURITY.md", "deploy")
_OF_A_PYTHON: Final = re.compile(
    r"^(\S+==\S+) ; python(?:_full)?_version [<>=!]+ '[\d.]+'(?= \\$)", re.MULTILINE
)
"""A requirement of some versions of Python alone."""
_INSTALLER: Final = Path(__file__).with_name("install.sh")
_READ_ME: Final = Path(__file__).with_name("README.txt")


@dataclass(frozen=True, slots=True)
class BundlePlan:
    checkout: Path
    out: Path
    """The folder that the archive and its unpacked form are written to."""
    signing_key: str | None = None
    """Ed25519, hexadecimal. None: checksums alone."""
    platform: str | None = None
    """A wheel platform such as `manylinux_2_28_aarch64`. None: this machine's."""
    python: str | None = None
    """`3.12`. None: this interpreter's."""


@dataclass(frozen=True, slots=True)
class Bundle:
    archive: Path
    files: int
    image: str
    """What became of the container image: its file, or why there is none."""


def build(plan: BundlePlan) -> Bundle:
    """Write `opengateway-VERSION-airgap.tar.gz`. Raises `OperatorError` with what is missing."""
    lock = plan.checkout / "requirements" / "runtime.lock"
    if not lock.exists():
        raise OperatorError(f"{str(plan.checkout)!r} is no checkout: {lock.name} is not there")
    assets = plan.checkout / "src/opengateway/assets"
    for name, command in _BUILT.items():
        if not (assets / name / "index.html").exists():
            raise OperatorError(f"the {name} is not built; run `{command}` first")
    folder = plan.out / f"opengateway-{__version__}-airgap"
    shutil.rmtree(folder, ignore_errors=True)
    wheels = folder / "wheels"
    wheels.mkdir(parents=True)
    epoch = _epoch(plan.checkout)
    _own_wheel(plan.checkout, wheels, epoch)
    _download(plan, lock, wheels)
    _download(plan, plan.checkout / "requirements" / "uv.lock", wheels)
    shutil.copy(lock, folder / "requirements.txt")
    for name in _TAKEN:
        source = plan.checkout / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("AGENTS.md"))
        elif source.exists():
            shutil.copy(source, folder / name)
    shutil.copy(_INSTALLER, folder / "install.sh")
    (folder / "install.sh").chmod(0o755)
    shutil.copy(_READ_ME, folder / "README.txt")
    image = _image(plan.checkout, folder)
    (folder / "VERSION").write_text(f"{__version__}\nimage: {image}\n")
    (folder / "sbom.cdx.json").write_bytes(bill_of("opengateway", __version__, _wheels(wheels)))
    write_sums(folder, plan.signing_key)
    archive = plan.out / f"{folder.name}.tar.gz"
    pack(folder, archive, epoch)
    return Bundle(archive, sum(1 for path in folder.rglob("*") if path.is_file()), image)


def _wheels(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.whl"))


def _epoch(checkout: Path) -> int:
    """The time that files of the archive have, in seconds: the last commit's, or 1980 without one."""
    if told := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(told)
    try:
        found = _run(("git", "-C", str(checkout), "log", "-1", "--format=%ct"))
        return int(found)
    except (OperatorError, ValueError):
        return 315_532_800


def _own_wheel(checkout: Path, wheels: Path, epoch: int) -> None:
    uv = checkout / ".tools/uv/bin/uv"
    if not uv.exists():
        raise OperatorError("uv is not set up; run `make setup-run` first")
    command = (str(uv), "build", "--wheel", "--quiet", "--offline", "--out-dir", str(wheels))
    _run((*command, str(checkout)), SOURCE_DATE_EPOCH=str(epoch))
    (wheels / ".gitignore").unlink(missing_ok=True)


def _download(plan: BundlePlan, lock: Path, wheels: Path) -> None:
    # pip of the interpreter below the environment: one that uv made has none of its own.
    python = getattr(sys, "_base_executable", sys.executable)
    command = [python, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--require-hashes", "--no-deps", "--only-binary=:all:", "--dest", str(wheels)]
    if plan.platform is not None:
        command += ["--platform", plan.platform]
    if plan.python is not None:
        command += ["--python-version", plan.python]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as wanted:
        # The reader's Python may be an older patch than this one, and want what this one does not.
        wanted.write(_OF_A_PYTHON.sub(r"\1", lock.read_text()))
        wanted.flush()
        _run([*command, "-r", wanted.name])


def _image(checkout: Path, folder: Path) -> str:
    """Build and save the container image where something here can. Returns its file, or why not."""
    for tool in ("docker", "podman"):
        if shutil.which(tool) is None:
            continue
        tag = f"opengateway:{__version__}"
        target = folder / f"opengateway-{__version__}-image.tar"
        try:
            _run((tool, "build", "--quiet", "-f", "deploy/Dockerfile", "-t", tag, str(checkout)))
            _run((tool, "save", "--output", str(target), tag))
        except OperatorError as error:
            return f"not built: {error.message}"
        return target.name
    return "not built: neither docker nor podman is on this machine"


def _run(command: Sequence[str], **environment: str) -> str:
    """A command's output. Raises `OperatorError` with the last line of its error."""
    try:
        done = subprocess.run(
            list(command),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
            env={**os.environ, **environment},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise OperatorError(f"{Path(command[0]).name}: {type(error).__name__}") from None
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or ["it said nothing"]
        raise OperatorError(f"{Path(command[0]).name} failed: {said[-1][:300]}")
    return done.stdout
