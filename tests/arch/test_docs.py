"""What the documents promise: links lead somewhere, every error has its anchor, nothing is foreign."""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote, urlsplit

import pytest
import yaml

from opengateway.catalog.config import (
    CredentialConfig,
    EndpointConfig,
    ModelConfig,
    PriceConfig,
    ProviderConfig,
)
from opengateway.compose.components import SlotName
from opengateway.compose.zone import load_zone
from opengateway.compose.zone_file import (
    AuthConfig,
    FirstTokenConfig,
    IdleConfig,
    ListenConfig,
    OutboundConfig,
    RetentionConfig,
    RoutingConfig,
    ZoneFile,
)

ROOT = Path(__file__).resolve().parents[2]
SITE_SOURCE = ROOT / "docs" / "src" / "content" / "docs"
BUILT = ROOT / "src" / "opengateway" / "assets" / "docs"
WEB_SOURCE = ROOT / "web"
WEB_BUILT = ROOT / "src" / "opengateway" / "assets" / "web"
SKILLS = ROOT / ".agents" / "skills"
UNREAD = {".git", ".venv", ".tools", "node_modules", "var", ".astro", "dist"}

# A fence may be indented; what stands in code is not a link.
CODE = re.compile(r"^([ \t]*)(`{3,}).*?^\1\2[ \t]*$|`[^`\n]*`", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)[^)]*\)")
HREF = re.compile(r"""\bhref=["']([^"']+)["']""")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def documents() -> list[Path]:
    found = (p for s in ("*.md", "*.mdx") for p in ROOT.rglob(s))
    return sorted(p for p in found if not UNREAD & set(p.relative_to(ROOT).parts))


def slug(heading: str) -> str:
    """A heading's anchor, as the site and code hosts make it."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.strip().lower())
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


@cache
def anchors(path: Path) -> frozenset[str]:
    lines = CODE.sub(lambda m: m[0] if "\n" not in m[0] else "", path.read_text()).splitlines()
    return frozenset(slug(line.lstrip("# ")) for line in lines if re.match(r"#{1,6} ", line))


def links(path: Path) -> Iterator[str]:
    text = CODE.sub("", path.read_text())
    yield from LINK.findall(text)
    if path.suffix == ".mdx":
        yield from HREF.findall(text)


def site_page(path: str) -> Path | None:
    """The source of a page of the site; a translation that is not there falls back to English."""
    parts = [p for p in path.removeprefix("/docs").split("/") if p]
    for tail in [parts, parts[1:]] if parts[:1] in (["ko"], ["ja"]) else [parts]:
        for candidate in (SITE_SOURCE.joinpath(*tail), SITE_SOURCE.joinpath(*tail, "index")):
            for suffix in (".md", ".mdx"):
                if (page := candidate.with_name(candidate.name + suffix)).is_file():
                    return page
    return None


SERVED = {"/openapi.json", "/api/v1/openapi.json"}
"""What the product answers beside its pages."""


def broken_links(path: Path) -> Iterator[str]:
    for link in links(path):
        parts = urlsplit(link)
        if parts.scheme or parts.netloc or parts.path in SERVED:
            continue
        if parts.path.startswith("/docs"):
            # Another form would be a redirect in the built site.
            target = site_page(parts.path) if parts.path.endswith("/") else None
        else:
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        if target is None or not target.exists():
            yield f"{name(path)}: {link}"
            continue
        to_heading = parts.fragment and target.suffix in (".md", ".mdx")
        if to_heading and parts.fragment not in anchors(target):
            yield f"{name(path)}: {link} (no such heading)"


def test_every_link_within_the_project_leads_somewhere() -> None:
    found = documents()
    assert len(found) > 40, "the documents were not found"
    assert [broken for path in found for broken in broken_links(path)] == []


# --- the guides for those who change the product ------------------------------------------------


@pytest.mark.parametrize(("guide", "limit"), [("AGENTS.md", 150), ("ARCHITECTURE.md", 300)])
def test_a_root_guide_stays_short(guide: str, limit: int) -> None:
    assert len((ROOT / guide).read_text().splitlines()) <= limit


def nested_guides() -> list[Path]:
    found = (p for p in ROOT.rglob("AGENTS.md") if not UNREAD & set(p.relative_to(ROOT).parts))
    return sorted(p for p in found if p.parent != ROOT)


def test_nested_guides_stay_short_and_are_listed_at_the_root() -> None:
    listed = {(ROOT / link).resolve() for link in links(ROOT / "AGENTS.md")}
    for path in nested_guides():
        assert len(path.read_text().splitlines()) <= 60, name(path)
        assert path in listed, f"{name(path)} is not linked from AGENTS.md"
    assert len(nested_guides()) >= 7


def test_the_ten_rules_have_their_ids() -> None:
    rules = re.findall(r"^- \*\*R(\d+) ", (ROOT / "AGENTS.md").read_text(), re.MULTILINE)
    assert rules == [str(n) for n in range(1, 11)]


SKILL_PARTS = (
    "## Inputs",
    "## Read first",
    "## Steps",
    "## Evidence to show",
    "## Stop when",
    "## Not owned here",
)


@pytest.mark.parametrize("path", sorted(SKILLS.glob("*/SKILL.md")), ids=lambda p: p.parent.name)
def test_a_skill_is_well_formed(path: Path) -> None:
    text = path.read_text()
    _, front, body = text.split("---\n", 2)
    fields = yaml.safe_load(front)
    assert set(fields) == {"name", "description"}
    assert fields["name"] == path.parent.name
    assert len(fields["name"]) <= 64
    assert 40 <= len(fields["description"]) <= 1024
    assert "Use when" in fields["description"], "it says when it is used"
    assert len(text.splitlines()) < 200
    assert [line for line in body.splitlines() if line.startswith("## ")] == list(SKILL_PARTS)


ADR_PARTS = ["## Context", "## Decision", "## Consequences", "## Alternatives"]


@pytest.mark.parametrize(
    "path", sorted((ROOT / "docs/adr").glob("[0-9]*.md")), ids=lambda p: p.stem[:4]
)
def test_an_adr_has_its_parts(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert [line for line in lines if line.startswith("## ")] == ADR_PARTS
    assert [line.split(":")[0] for line in lines if line.startswith("- ")][:3] == [
        "- Status",
        "- Area",
        "- Date",
    ]
    prose = [line for line in lines if line and not line.startswith("|")]
    assert len(prose) <= 80, "an ADR is one page, its tables aside"
    if not path.stem.startswith("0000"):
        assert lines[0].startswith(f"# {path.stem[:4]}: ")


def test_adr_numbers_are_given_once_and_without_gaps() -> None:
    numbers = sorted(int(p.stem[:4]) for p in (ROOT / "docs/adr").glob("[0-9]*.md"))
    assert numbers == list(range(len(numbers)))


def test_every_runtime_dependency_has_its_reason() -> None:
    decided = (ROOT / "docs/adr/0007-dependencies.md").read_text()
    wanted = [
        line.split("[")[0].strip()
        for line in (ROOT / "requirements/runtime.in").read_text().splitlines()
        if line.strip() and not line.startswith(("#", "-"))
    ]
    assert [d for d in wanted if f"| `{d}` |" not in decided] == []


# --- the site -----------------------------------------------------------------------------------


@cache
def tool(module: str) -> ModuleType:
    """A module of the folder `tools`, which is no package."""
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        return importlib.import_module(module)
    finally:
        sys.path.remove(str(ROOT / "tools"))


def test_generated_parts_of_the_docs_are_current() -> None:
    stale = [name(page) for page in tool("docs_tables").stale_pages()]
    assert stale == [], "run .venv/bin/python tools/docs_tables.py"


def test_every_error_code_has_its_anchor() -> None:
    codes = {code.code for code in tool("docs_tables").error_codes()}
    assert {"invalid_api_key", "capacity_exhausted", "model_not_found"} <= codes
    assert codes - anchors(SITE_SOURCE / "reference/errors.md") == set()


def test_a_code_that_cannot_be_read_from_the_source_is_refused(tmp_path: Path) -> None:
    codes = tool("error_codes")
    (tmp_path / "seeded.py").write_text("raise NotFound('x', code=pick())\n")
    with pytest.raises(SystemExit, match="cannot tell"):
        list(codes.CodeFinder(tmp_path, codes.tree_classes()).codes())
    (tmp_path / "seeded.py").write_text(
        "def deny(code, text):\n    return NotFound(text, code=code)\n\nGONE = 'gone'\n"
        "raise deny(GONE if odd else 'lost', 'x')\n"
    )
    found = {c.code for c in codes.CodeFinder(tmp_path, codes.tree_classes()).codes()}
    assert found == {"gone", "lost"}


ZONE_PAGE = SITE_SOURCE / "operate" / "zone-file.md"
SECTIONS = (
    *(ZoneFile, ListenConfig, OutboundConfig, AuthConfig, RetentionConfig, RoutingConfig),
    *(FirstTokenConfig, IdleConfig, ProviderConfig, CredentialConfig),
    *(ModelConfig, EndpointConfig, PriceConfig),
)


def test_every_key_of_the_zone_file_is_described() -> None:
    words = set(
        re.findall(r"[a-z_0-9]+", " ".join(re.findall(r"`([^`\n]+)`", ZONE_PAGE.read_text())))
    )
    headings = anchors(ZONE_PAGE)
    keys = {f for section in SECTIONS for f in section.__struct_fields__}
    keys |= {slot.value for slot in SlotName}
    assert sorted(key for key in keys if key not in words and key not in headings) == []


def test_the_whole_zone_file_of_the_docs_loads(tmp_path: Path) -> None:
    found = re.search(r'```yaml title="zone.yaml"\n(.*?)```', ZONE_PAGE.read_text(), re.DOTALL)
    assert found is not None
    path = tmp_path / "zone.yaml"
    path.write_text(found[1])
    zone = load_zone(path, {"OPENAI_API_KEY": "sk-docs", "VLLM_KEY": "docs"})
    assert zone.name == "kr"
    assert zone.models["house/qwen"].endpoints[0].provider == "house-vllm"


def test_programs_find_every_english_page_in_llms_txt() -> None:
    """Of the built site, where it is built."""
    listed = BUILT / "llms.txt"
    if not (BUILT / "index.html").is_file():
        return
    text = listed.read_text()
    pages = [p for p in SITE_SOURCE.rglob("*.md*") if p.parent != SITE_SOURCE]
    english = [p for p in pages if p.relative_to(SITE_SOURCE).parts[0] not in ("ko", "ja")]
    assert len(english) > 60
    for page in english:
        place = page.relative_to(SITE_SOURCE).with_suffix("").as_posix().removesuffix("/index")
        assert f"(/docs/{place}/)" in text, place


def test_the_quickstart_says_the_same_in_every_language() -> None:
    """Commands and steps are the same; what is said to the model may be translated."""
    pages = [SITE_SOURCE / lang / "get-started/quickstart.md" for lang in ("", "ko", "ja")]
    commands = [re.findall(r"```sh\n(.*?)```", p.read_text(), re.DOTALL) for p in pages]
    plain = [[re.sub(r'"content": "[^"]*"', "", c) for c in page] for page in commands]
    assert plain[0] == plain[1] == plain[2]
    levels = [re.findall(r"^#+(?= )", p.read_text(), re.MULTILINE) for p in pages]
    assert levels[0] == levels[1] == levels[2]


# --- nothing foreign ----------------------------------------------------------------------------


class FetchedFrom(HTMLParser):
    """Addresses that a browser fetches by itself. A link that a reader may click is not one."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for key, value in attrs:
            if not value:
                continue
            clickable = tag in ("a", "area") and key == "href"
            if key in ("src", "href", "poster", "data", "action", "xlink:href") and not clickable:
                self.addresses.append(value)
            elif key == "srcset":
                self.addresses += [part.split()[0] for part in value.split(",") if part.strip()]
            elif key == "style":
                self.addresses += CSS_URL.findall(value)

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "style":
            self.addresses += CSS_URL.findall(data)
        elif self.cdata_elem == "script":
            self.addresses += fetched_by_script(data)


CSS_URL = re.compile(r"""(?:url\(\s*|@import\s+)["']?([^"')\s]+)""")
SCRIPT_FETCH = re.compile(
    r"""(?:\bimport\s*\(?\s*|\bfrom\s*|\bfetch\s*\(\s*|importScripts\s*\(\s*|new\s+Worker\s*\(\s*"""
    r"""|new\s+EventSource\s*\(\s*|\.src\s*=\s*)["'`]((?:https?:|wss?:)?//[^"'`]+)"""
)


def fetched_by_script(text: str) -> list[str]:
    return SCRIPT_FETCH.findall(text)


def foreign(path: Path) -> list[str]:
    """What the file makes a browser fetch from another origin."""
    text = path.read_text(errors="replace")
    if path.suffix == ".html":
        page = FetchedFrom()
        page.feed(text)
        addresses = page.addresses
    elif path.suffix in (".css", ".svg"):
        addresses = CSS_URL.findall(text)
    else:
        addresses = fetched_by_script(text)
    return [a for a in addresses if re.match(r"(?:[a-z][a-z0-9+.-]*:)?//", a, re.IGNORECASE)]


def shown_files() -> list[Path]:
    """The built site and app where they are built, else their sources."""
    folders = [
        built if (built / "index.html").is_file() else source
        for built, source in ((BUILT, ROOT / "docs/src"), (WEB_BUILT, WEB_SOURCE / "src"))
    ]
    folders.append(WEB_SOURCE / "public")
    kinds = {".html", ".css", ".js", ".mjs", ".svg", ".astro"}
    return [p for folder in folders for p in sorted(folder.rglob("*")) if p.suffix in kinds]


def test_pages_fetch_nothing_from_a_foreign_origin() -> None:
    found = shown_files()
    assert WEB_SOURCE / "public/mark.svg" in found
    assert {name(p): bad for p in found if (bad := foreign(p))} == {}


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        (".html", '<script src="https://cdn.example/x.js"></script>'),
        (".html", '<link rel="stylesheet" href="//cdn.example/x.css">'),
        (".html", '<img srcset="/a.png 1x, https://cdn.example/b.png 2x">'),
        (".html", "<style>@import 'https://fonts.example/x.css';</style>"),
        (".html", '<div style="background: url(https://cdn.example/x.png)">'),
        (".css", "@font-face { src: url(https://fonts.example/x.woff2) }"),
        (".js", "import('https://cdn.example/x.js')"),
        (".js", "const answer = await fetch(`https://api.example/x`)"),
    ],
)
def test_a_foreign_origin_would_be_found(suffix: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / f"seeded{suffix}"
    path.write_text(text)
    assert len(foreign(path)) == 1
    path.write_text('<a href="https://example.com">plain link</a> // see https://example.com')
    assert foreign(path) == []


@pytest.mark.parametrize("folder", ["docs", "web"])
def test_a_lock_of_pages_holds_no_addresses(folder: str) -> None:
    text = (ROOT / folder / "package-lock.json").read_text()
    assert re.findall(r"\w+://\S+", text) == []
    packages = json.loads(text)["packages"]
    assert [p for p, entry in packages.items() if p and "integrity" not in entry] == []
