"""Smoke tests as their operator runs them: the CLI, the product, the simulator."""

from __future__ import annotations

import json
import os
from pathlib import Path

from e2e.product import Zone, run, simulator

WHOLE = os.environ.get("OPENGATEWAY_SOAK") == "1"
MODELS = "*" if WHOLE else "[amu]*/*"


def smoke(*arguments: str) -> tuple[int, dict[str, object]]:
    done = run("smoke", *arguments, "--json", check=False, timeout_s=300)
    assert done.stdout, done.stderr
    told: dict[str, object] = json.loads(done.stdout)
    return done.returncode, told


def test_what_the_catalogue_claims_holds_against_the_simulator() -> None:
    """All of it takes two minutes: `make smoke`, and this test at its long count."""
    code, told = smoke("--level", "ci", "--models", MODELS)
    bad = [r for r in told["results"] if r["verdict"] != "pass"]  # type: ignore[attr-defined]
    assert (code, [(r["model"], r["feature"], r["detail"]) for r in bad]) == (0, [])
    tried = {(r["model"], r["feature"]) for r in told["results"]}  # type: ignore[attr-defined]
    assert len({model for model, _ in tried}) >= (100 if WHOLE else 20)


def test_a_capability_that_a_model_lost_is_found_and_proposed(tmp_path: Path) -> None:
    with simulator() as provider:
        zone = Zone(provider, tmp_path / "zone")
        zone.provider("openai")
        zone.model("lab/honest", ("openai", "sim-reasoner"))
        zone.model("lab/liar", ("openai", "sim-chat"))
        for name in ("lab/honest", "lab/liar"):
            zone.models[name]["capabilities"] = ["tools", "reasoning"]
            zone.models[name]["input_modalities"] = ["text"]
        zone.components = {"billing": {"use": "ledger"}}
        zone_file = str(zone.write(0, 0))
        code, told = smoke("--zone", zone_file, "--models", "lab/*")
        bad = [r for r in told["results"] if r["verdict"] != "pass"]  # type: ignore[attr-defined]
        assert code == 1
        details = [(r["model"], r["feature"], r["detail"]) for r in bad]
        assert details == [("lab/liar", "reasoning", "no reasoning, in text or in tokens")]
        assert told["run"]["cost_nanos"] > 0  # type: ignore[index]
        report = json.loads(run("report", "weekly", "--zone", zone_file, "--json").stdout)
        (proposal,) = report["capabilities"]
        assert "'reasoning'" in proposal["change"]
        assert report["traffic"]["requests"] == 0  # the tests are the operator's own
        assert report["smoke"]["requests"] > 10
