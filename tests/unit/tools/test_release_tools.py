from __future__ import annotations

import copy
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]
from tools.release import bill, build, gate, notes, surface

API: dict[str, Any] = {
    "paths": {
        "/teams": {
            "get": {
                "parameters": [
                    {"in": "query", "name": "limit", "schema": {"type": "integer"}},
                ],
                "responses": {
                    "200": {"content": {"application/json": {"schema": {"$ref": "#/c/Page"}}}},
                    "404": {"content": {"application/json": {"schema": {"type": "string"}}}},
                },
            },
            "post": {
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/c/New"}}}},
                "responses": {"204": {}},
            },
        }
    },
    "c": {
        "Page": {"properties": {"data": {"type": "array", "items": {"$ref": "#/c/Team"}}}},
        "Team": {
            "properties": {
                "id": {"type": "string"},
                "state": {"enum": ["a", "b"]},
                "parent": {"$ref": "#/c/Team"},
            }
        },
        "New": {
            "required": ["name"],
            "properties": {"name": {"type": "string"}, "note": {"type": "string"}},
        },
    },
}


def changed(*path: str, to: Any = None) -> list[str]:
    """What breaks when one place of the document is removed, or set."""
    document = copy.deepcopy(API)
    place: Any = document
    for step in path[:-1]:
        place = place[step]
    if to is None:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return surface.breaking(surface.surface(API), surface.surface(document))


@pytest.mark.parametrize(
    "path",
    [
        ("paths", "/teams", "post"),
        ("c", "Team", "properties", "id"),
        ("c", "New", "properties", "note"),
        ("paths", "/teams", "get", "parameters"),
    ],
)
def test_what_goes_away_breaks_callers(path: tuple[str, ...]) -> None:
    assert changed(*path)


def test_another_type_or_fewer_words_break_callers() -> None:
    assert changed("c", "Team", "properties", "id", to={"type": "integer"})
    assert changed("c", "Team", "properties", "state", to={"enum": ["a"]})


def test_a_new_demand_breaks_callers_and_a_lifted_one_does_not() -> None:
    assert changed("c", "New", "required", to=["name", "note"])
    wants = {"name": {"type": "string"}, "note": {"type": "string"}, "x": {"type": "string"}}
    document = {"required": ["name", "x"], "properties": wants}
    assert changed("c", "New", to=document) == [
        "demanded now: in   POST /teams body.x string required"
    ]
    assert changed("c", "New", "required", to=[]) == []


def test_what_is_added_breaks_nobody() -> None:
    assert changed("paths", "/more", to={"get": {"responses": {"200": {}}}}) == []
    assert changed("c", "Team", "properties", "name", to={"type": "string"}) == []
    assert changed("c", "New", "properties", "x", to={"type": "string"}) == []


def test_a_breaking_change_stops_a_release_until_it_is_announced(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = set(gate.BASELINE.read_text().splitlines())
    gone = {line for line in before if line.startswith("op   DELETE /api/v1/me")}
    assert gone
    monkeypatch.setattr(gate, "announced", lambda: False)
    monkeypatch.setattr(gate, "current", lambda: before)
    assert gate.main([]) == 0
    monkeypatch.setattr(gate, "current", lambda: before - gone)
    assert gate.main([]) == 1
    assert build.main([]) == 1, "nothing is built"
    assert "breaking changes of the API" in capsys.readouterr().err
    monkeypatch.setattr(gate, "announced", lambda: True)
    assert gate.main([]) == 0


def test_fragments_become_a_section_an_upgrade_note_and_what_is_new(tmp_path: Path) -> None:
    (tmp_path / "+a.feature.md").write_text("A new thing.\n")
    (tmp_path / "+b.removal.md").write_text("An old thing\nis gone.\n")
    found = notes.fragments(tmp_path)
    section = notes.changelog("1.2.0", "2099-01-02", found)
    assert section.startswith("## 1.2.0 (2099-01-02)\n\n### New\n\n- A new thing.")
    assert section.index("### New") < section.index("### Removed")
    upgrade = notes.upgrade_note("1.2.0", found, ["v0099_x: Words"])
    assert "- An old thing is gone." in upgrade
    assert "v0099_x: Words" in upgrade
    assert "A new thing" not in upgrade
    log = notes.into_changelog("# C\n\n<!-- towncrier release notes start -->\n\n## 1.1\n", section)
    assert log.index("## 1.2.0") < log.index("## 1.1")


def test_what_is_new_is_told_of_the_newest_versions(tmp_path: Path) -> None:
    log = "# C\n\n"
    for minor in range(9, 0, -1):
        log += f"## 1.{minor}.0 (2099-01-0{minor})\n\n### New\n\n- Thing {minor}.\n\n"
        log += "### Security\n\n- Hidden.\n\n"
    (tmp_path / "+a.feature.md").write_text("The newest\nthing.\n")
    told = json.loads(notes.whats_new(log, notes.fragments(tmp_path), "2.0.0", "2099-02-01"))
    assert [release["version"] for release in told] == ["2.0.0", "1.9.0", "1.8.0", "1.7.0", "1.6.0"]
    assert told[0]["entries"] == [{"kind": "feature", "text": "The newest thing."}]
    assert told[1]["date"] == "2099-01-09"
    assert told[1]["entries"] == [{"kind": "feature", "text": "Thing 9."}]
    unreleased = json.loads(notes.whats_new(log, notes.fragments(tmp_path)))
    assert unreleased[0]["version"] is None


def test_a_fragment_of_no_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "+a.nonsense.md").write_text("x")
    with pytest.raises(ValueError, match=r"must be NAME\.KIND\.md"):
        notes.fragments(tmp_path)


def test_the_repository_s_own_fragments_are_sound() -> None:
    assert all(fragment.text for fragment in notes.fragments())


def test_the_bill_names_every_package_of_the_locks_and_none_that_only_checks() -> None:
    root = {"bom-ref": "pkg:pypi/opengateway@1", "components": [], "dependencies": [{"ref": "x"}]}
    told = json.loads(bill.release_bill(ROOT, json.dumps(root).encode()))
    names = {part["name"] for part in told["components"]}
    pinned = (ROOT / "requirements/runtime.lock").read_text()
    assert {"aiohttp", "fastapi", "uvicorn", "react"} <= names
    assert sum(part["purl"].startswith("pkg:pypi/") for part in told["components"]) == len(
        [line for line in pinned.splitlines() if "==" in line and line[:1].isalnum()]
    )
    assert "eslint" not in names
    assert set(told["dependencies"][0]["dependsOn"]) == {p["bom-ref"] for p in told["components"]}
    react = next(part for part in told["components"] if part["name"] == "react")
    assert react["hashes"][0]["alg"] == "SHA-512"


def test_sums_are_of_every_artefact(tmp_path: Path) -> None:
    (tmp_path / "a.whl").write_bytes(b"a")
    assert build.write_sums(tmp_path) == 1
    digest = hashlib.sha256(b"a").hexdigest()
    assert (tmp_path / "SHA256SUMS").read_text() == f"{digest}  a.whl\n"


def test_workflows_use_checkout_and_shell_alone() -> None:
    for path in (ROOT / ".github/workflows").glob("*.yml"):
        workflow = yaml.safe_load(path.read_text())
        assert workflow["permissions"] == {"contents": "read"}, path.name
        for job in workflow["jobs"].values():
            assert job["timeout-minutes"]
            used = [step["uses"] for step in job["steps"] if "uses" in step]
            assert all(name.startswith("actions/checkout@") for name in used), path.name
