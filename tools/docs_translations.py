"""Which translated pages are missing, stale or shaped otherwise than their English page.

    python tools/docs_translations.py             says what is wrong; exits 1 if anything is
    python tools/docs_translations.py --accept    the translations say what the English pages say now

`source` in a translation's front matter is a digest of the English page that it was made of. Accept only
after the sentences that changed were translated.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs" / "src" / "content" / "docs"
LANGUAGES = ("ko", "ja")
SECTIONS = ("get-started", "features")
"""Whole in every language; other sections fall back to English."""
FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
SAID = re.compile(r"""(["'])(?:(?!\1).)*\1|#.*""")
"""What is said within code: texts and remarks may be translated."""
SOURCE = re.compile(r"^source: ([0-9a-f]+)$", re.MULTILINE)


def whole_pages() -> list[str]:
    found = [p for s in SECTIONS for p in sorted((PAGES / s).glob("*.md*"))]
    return ["index.mdx", *(str(p.relative_to(PAGES)) for p in found)]


def digest(page: str) -> str:
    return hashlib.sha256((PAGES / page).read_bytes()).hexdigest()[:16]


def shape(text: str) -> dict[str, list[str]]:
    """What a translation has in common with its page."""
    prose = FENCE.sub("", text)
    links = re.findall(r"\]\(([^)#\s]+)|href=\"([^\"#]+)", prose)
    return {
        "headings": re.findall(r"^#+(?= )", prose, re.MULTILINE),
        "rows of tables": [str(row.count("|")) for row in prose.splitlines() if row[:1] == "|"],
        "items": re.findall(r"^(?:-|\d+\.)(?= )", prose, re.MULTILINE),
        "code": [SAID.sub("", code) for code in FENCE.findall(text)],
        "links": sorted(re.sub(r"^/docs/(ko|ja)/", "/docs/", one or two) for one, two in links),
    }


def wrong() -> Iterator[str]:
    for page in whole_pages():
        english = shape((PAGES / page).read_text("utf-8"))
        for language in LANGUAGES:
            path = PAGES / language / page
            if not path.exists():
                yield f"{language}/{page} is missing"
                continue
            text = path.read_text("utf-8")
            for part, expected in english.items():
                if shape(text)[part] != expected:
                    yield f"{language}/{page}: its {part} are not those of the English page"
            told = SOURCE.search(text)
            if told is None or told[1] != digest(page):
                yield f"{language}/{page} is stale: translate what changed, then --accept"
    for language in LANGUAGES:
        for path in sorted((PAGES / language).rglob("*.md*")):
            if not (PAGES / path.relative_to(PAGES / language)).exists():
                yield f"{path.relative_to(PAGES)} translates a page that is not there"


def accept() -> None:
    for page in whole_pages():
        for language in LANGUAGES:
            path = PAGES / language / page
            if path.exists():
                text = SOURCE.sub("", path.read_text("utf-8")).replace("---\n\n---", "---\n---")
                front, mark, rest = text.removeprefix("---\n").partition("\n---\n")
                path.write_text(
                    f"---\n{front.rstrip()}\nsource: {digest(page)}{mark}{rest}", "utf-8"
                )


def main() -> int:
    if "--accept" in sys.argv[1:]:
        accept()
    found = list(wrong())
    print("\n".join(found) or f"{len(whole_pages())} pages are whole in {', '.join(LANGUAGES)}")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
