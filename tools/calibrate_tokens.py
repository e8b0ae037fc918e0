"""Measures bytes per token, and renews the numbers of src/opengateway/catalog/token_families.toml.

    .venv/bin/python tools/calibrate_tokens.py            prints the tables, writes the numbers
    .venv/bin/python tools/calibrate_tokens.py --print    prints only

The corpus is what lies on a Debian machine with a checkout: this repository's docs in English,
Korean and Japanese, the messages of the installed programs in more languages (gettext `.mo`), the
source of Python's library and of this product, its JSON; and what is made here: base64, hex, long
digits, emoji, random characters. It is cut, from fixed seeds, into chunks of 64 to 4096 bytes.

A hold is the product of the request's bytes and `hold_tokens_per_byte`: 99.9 % of the chunks of the
hardest class have no more, so the promise holds for every class, and for every mix of them.
"""

from __future__ import annotations

import argparse
import base64
import datetime
import gettext
import json
import math
import random
import re
import sys
import sysconfig
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from opengateway.infra.tokens import TiktokenCounter
from opengateway.infra.vocabulary import VOCABULARIES

TABLE = ROOT / "src/opengateway/catalog/token_families.toml"
LOCALES = Path("/usr/share/locale")
SMALLEST, LARGEST = 64, 4096
LONG = 16 * 1024
"""Bytes of a chunk that stands for what lies beyond the knee of a hold."""
CLASS_BYTES = 2_000_000
EVERYDAY = ("english", "korean", "japanese", "code", "json")
"""The classes that the median is of: what requests and answers are made of mostly."""


def natural_text(*, machine: bool) -> dict[str, str]:
    """What people wrote. `machine`: also what lies outside the checkout."""
    pages = ROOT / "docs/src/content/docs"
    foreign = {"korean": pages / "ko", "japanese": pages / "ja"}
    english = [p for p in sorted(ROOT.glob("docs/**/*.md")) if "node_modules" not in p.parts]
    english = [p for p in english if not {"ko", "ja"} & set(p.parts)]
    code = sorted((ROOT / "src/opengateway").rglob("*.py"))
    texts = {
        "english": _read(english),
        "code": _read(code),
        "json": _read(sorted(ROOT.glob("docs/package*.json"))) + _made_json(random.Random(1)),
        **{name: _read(sorted(folder.rglob("*.md"))) for name, folder in foreign.items()},
    }
    if machine:
        library = Path(sysconfig.get_path("stdlib"))
        texts["code"] += _read(sorted(library.glob("*.py")))
        texts["english"] += _read(sorted((ROOT / ".venv").glob("lib/*/site-packages/*/METADATA")))
        languages = {"korean": "ko", "japanese": "ja", "chinese": "zh_CN", "russian": "ru"}
        languages |= {"german": "de", "arabic": "ar", "hindi": "hi", "thai": "th"}
        for name, language in languages.items():
            texts[name] = texts.get(name, "") + _messages(language)
    return texts


def made_text(size: int) -> dict[str, str]:
    """What nobody wrote, but what is sent. `size` in bytes, about."""
    chance = random.Random(2)
    letters = [chr(n) for n in range(0x20, 0x30000) if unicodedata.category(chr(n))[0] in "LMNPS"]
    emoji = [chr(n) for n in range(0x1F300, 0x1FAF0) if unicodedata.category(chr(n)) == "So"]
    return {
        "base64": base64.b64encode(chance.randbytes(size * 3 // 4)).decode(),
        "hex": chance.randbytes(size // 2).hex(),
        "digits": "".join(chance.choices("0123456789", k=size)),
        "emoji": "".join(chance.choices(emoji, k=size // 4)),
        "random": "".join(chance.choices(letters, k=size // 3)),
    }


def _made_json(chance: random.Random) -> str:
    """Records as tools return them: ids, times, numbers, nesting."""
    rows = [
        {
            "id": f"{chance.getrandbits(128):032x}",
            "createdAt": f"2026-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}T08:30:00Z",
            "amount": round(chance.uniform(-1e6, 1e6), 2),
            "tags": chance.choices(["open", "paid", "eu-west", "retry", "blocked"], k=3),
            "position": {"lat": chance.uniform(-90, 90), "lon": chance.uniform(-180, 180)},
            "ok": chance.random() < 0.5,
            "note": None,
        }
        for _ in range(1500)
    ]
    return json.dumps(rows[:500], indent=2) + json.dumps(rows[500:], separators=(",", ":"))


def _read(paths: Sequence[Path]) -> str:
    return "\n".join(path.read_text("utf-8", "replace") for path in paths)


def _messages(language: str) -> str:
    """The translated messages of the installed programs."""
    out: list[str] = []
    for path in sorted((LOCALES / language / "LC_MESSAGES").glob("*.mo")):
        try:
            with path.open("rb") as file:
                catalog = vars(gettext.GNUTranslations(file))["_catalog"]
        except ValueError:
            continue  # in an encoding of old
        out += (text for key, text in catalog.items() if key and isinstance(text, str))
    random.Random(3).shuffle(out)
    return "\n".join(out)


def chunks(text: str, count: int, seed: int) -> Iterator[str]:
    """`count` pieces at random places, their sizes even on a logarithmic scale."""
    chance = random.Random(seed)
    data = text.encode()
    for _ in range(count):
        size = round(SMALLEST * (LARGEST / SMALLEST) ** chance.random())
        start = chance.randrange(max(1, len(data) - size))
        yield data[start : start + size].decode("utf-8", "ignore")


def long_chunks(text: str, count: int, seed: int) -> Iterator[str]:
    """`count` pieces of `LONG` bytes at random places."""
    chance = random.Random(seed)
    data = text.encode()
    for _ in range(count):
        start = chance.randrange(max(1, len(data) - LONG))
        yield data[start : start + LONG].decode("utf-8", "ignore")


def ratios(texts: Mapping[str, str], count: int, tokens_of: Callable[[str], int]) -> Ratios:
    """For each class, the tokens per byte of its chunks, least first."""
    return {
        name: sorted(tokens_of(c) / len(c.encode()) for c in chunks(text, count, seed))
        for seed, (name, text) in enumerate(texts.items())
    }


Ratios = dict[str, list[float]]


def quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--print", action="store_true", dest="only_print")
    parser.add_argument("--chunks", type=int, default=3000, help="of each class")
    given = parser.parse_args()
    natural = {n: t[:CLASS_BYTES] for n, t in natural_text(machine=True).items()}
    texts = natural | made_text(CLASS_BYTES)
    counter = TiktokenCounter()
    numbers: dict[str, tuple[float, float, float]] = {}
    for encoding in VOCABULARIES:
        found = ratios(texts, given.chunks, lambda t, e=encoding: counter.count([t], e))  # type: ignore[misc]
        everyday = sorted(r for name in EVERYDAY for r in found[name])
        everything = sorted(r for each in found.values() for r in each)
        hold = max(quantile(each, 0.999) for each in found.values())
        beyond = max(
            counter.count([chunk], encoding) / len(chunk.encode())
            for seed, text in enumerate(natural.values())
            for chunk in long_chunks(text, given.chunks // 30, seed)
        )
        numbers[encoding] = (1 / quantile(everyday, 0.5), hold, beyond)
        print(
            f"\n{encoding}\n{'class':12} {'bytes':>8} {'bytes/token p50':>16} {'token/byte p99.9':>17} max"
        )
        for name, each in {**found, "everyday": everyday, "everything": everything}.items():
            size = len(texts[name].encode()) if name in texts else 0
            print(
                f"{name:12} {size:8} {1 / quantile(each, 0.5):16.2f}"
                f" {quantile(each, 0.999):17.3f} {each[-1]:.3f}"
            )
    if not given.only_print:
        write(numbers)


def write(numbers: Mapping[str, tuple[float, float, float]]) -> None:
    text = TABLE.read_text("utf-8")
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    text = re.sub(r"(?m)^measured_on = .*$", f'measured_on = "{today}"', text)
    for encoding, (median, hold, beyond) in numbers.items():
        text, done = re.subn(
            rf"(?m)^\[encodings\.{encoding}\]\nbytes_per_token = .*\nhold_tokens_per_byte = .*\n"
            r"hold_tokens_per_byte_beyond = .*$",
            f"[encodings.{encoding}]\nbytes_per_token = {median:.2f}\n"
            f"hold_tokens_per_byte = {hold:.3f}\n"
            f"hold_tokens_per_byte_beyond = {math.ceil(beyond * 1000) / 1000:.3f}",
            text,
        )
        assert done == 1, f"{TABLE} has no [encodings.{encoding}]"
    TABLE.write_text(text, "utf-8")
    print(f"\n{TABLE.relative_to(ROOT)}: written")


if __name__ == "__main__":
    main()
