"""Rebuilds the token vocabularies below src/opengateway/assets/vocabulary.

    make .tools/.node && PATH="$PWD/.tools/node/bin:$PATH" python3 tools/vocabulary.py

Source: the npm package `tiktoken` 1.0.22 (MIT), which ships each vocabulary as JSON. What is built
here is, once unpacked, byte for byte the `.tiktoken` file that the Python package `tiktoken` would
download: a line a token, base64 and rank. The tarball and the results are held to hashes; the
latter are those that tiktoken enforces itself (`tiktoken_ext/openai_public.py`), and the gateway
checks them again at every load. No script of the package is run.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "src/opengateway/assets/vocabulary"
PACKAGE = "tiktoken@1.0.22"
TARBALL_SHA512 = (
    "3cabf2d6b545d5189b7c5dc99570523f426b730daeab7c977607045ed293627d"
    "d027f7014411c39eb2798c7932f8c10d67a0c83f0354196a64571fbb8e80a934"
)
SHA256 = {
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
}


def fetch(folder: Path) -> Path:
    """The package's tarball, by npm, checked."""
    subprocess.run(
        ["npm", "pack", PACKAGE, "--ignore-scripts", "--silent", "--pack-destination", str(folder)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    tarball = folder / (PACKAGE.replace("@", "-") + ".tgz")
    found = hashlib.sha512(tarball.read_bytes()).hexdigest()
    if found != TARBALL_SHA512:
        sys.exit(f"{PACKAGE}: the tarball has sha512 {found}, expected {TARBALL_SHA512}")
    return tarball


def tiktoken_file(ranks: str) -> bytes:
    """From the JSON's `bpe_ranks` to tiktoken's own file.

    Lines of `! FIRST_RANK TOKEN TOKEN ...`: the tokens are base64 and ranked in a row.
    """
    lines: list[str] = []
    for row in filter(None, ranks.split("\n")):
        _, first, *tokens = row.split(" ")
        lines += [f"{token} {rank}\n" for rank, token in enumerate(tokens, int(first))]
    return "".join(lines).encode()


def main() -> None:
    TARGET.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, tarfile.open(fetch(Path(folder))) as archive:
        for name, expected in SHA256.items():
            member = archive.extractfile(f"package/encoders/{name}.json")
            assert member is not None, f"{PACKAGE} has no {name}"
            content = tiktoken_file(json.load(member)["bpe_ranks"])
            found = hashlib.sha256(content).hexdigest()
            if found != expected:
                sys.exit(f"{name}: rebuilt with sha256 {found}, expected {expected}")
            packed = gzip.compress(content, 9, mtime=0)
            (TARGET / f"{name}.tiktoken.gz").write_bytes(packed)
            print(f"{name}: {len(content)} bytes, {len(packed)} packed, sha256 {found}")


if __name__ == "__main__":
    main()
