"""Two zones on one machine: every way from one to the other is refused, and neither's files hold
anything of the other's."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from asgi_client import call
from control_plane import control_in
from e2e.operating import Team, new_team, operator, verify
from e2e.product import Product, Simulator, Zone, http, product, run, until
from opengateway.kit.signing import new_keypair

pytestmark = pytest.mark.slow

URLS = {"kr": "https://kr.example.com", "jp": "https://jp.example.com"}
PRIVATE, PUBLIC = new_keypair()
"""Of whoever signs catalogue updates."""
PERSONAS = {"kr": "openai", "jp": "vllm"}
"""The simulator's, by zone: what it was asked tells which zone called it."""
EDITIONS = {"kr": "saas", "jp": "airgap"}
OTHER = {"kr": "jp", "jp": "kr"}
WAYS = [("kr", "jp"), ("jp", "kr")]


@dataclass(frozen=True)
class Place:
    """A zone that runs, a team of it, and a request that it served."""

    name: str
    product: Product
    team: Team
    request_id: str
    cookie: str

    @property
    def model(self) -> str:
        return f"lab/{self.name}"

    def ask(
        self, key: str, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, Any, Mapping[str, str]]:
        status, raw, told = http(
            self.product.url + path,
            method=method,
            body=None if body is None else json.dumps(body).encode(),
            headers={
                **({"authorization": f"Bearer {key}"} if key else {}),
                "content-type": "application/json",
                **headers,
            },
        )
        return status, json.loads(raw) if raw[:1] in b"{[" else raw, told

    def chat(self, key: str, **members: Any) -> tuple[int, Any, Mapping[str, str]]:
        said = f"prompt of {self.name}"
        body = {"model": self.model, "messages": [{"role": "user", "content": said}], **members}
        return self.ask(key, "POST", "/v1/chat/completions", body)


def _begun(name: str, running: Product) -> Place:
    team = new_team(running, f"team of {name}", "5")
    place = Place(name, running, team, "", "")
    status, body, told = place.chat(team.key)
    assert status == 200, body
    running.record(told["x-request-id"])
    made = operator(running, "POST", "/admins", {"email": f"{name}@example.com", "again": False})
    who = {"email": f"{name}@example.com", "password": made["password"]}
    origin = f"http://localhost:{running.port}"
    status, _, headers = place.ask(
        "", "POST", "/api/v1/auth/sign-in", who, origin=origin, **{"sec-fetch-site": "same-origin"}
    )
    assert status == 200
    cookie = headers["set-cookie"].partition(";")[0]
    return Place(name, running, team, told["x-request-id"], cookie)


@pytest.fixture(scope="module")
def places(
    provider: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Place]]:
    folder = tmp_path_factory.mktemp("zones")
    zones = {}
    for name, other in OTHER.items():
        zone = Zone(provider, folder / name, components={"billing": {"use": "ledger"}})
        zone.edition = EDITIONS[name]
        zone.sections = {
            "zone": name,
            "zones": {other: URLS[other]},
            "updates": {"public_key": PUBLIC},
        }
        zone.provider("here", PERSONAS[name], country=name.upper())
        # A provider abroad that the zone's own rules leave out: nothing may fall over to it.
        zone.provider("abroad", PERSONAS[other], country=other.upper())
        zone.model(f"lab/{name}", ("here", "sim-fast"), ("abroad", "sim-fast"))
        zone.routing = {"policy": {"countries": [name.upper()]}}
        zones[name] = zone
    with product(zones["kr"]) as kr, product(zones["jp"]) as jp:
        yield {"kr": _begun("kr", kr), "jp": _begun("jp", jp)}


DATA = [
    ("POST", "/v1/chat/completions", {"model": "lab/x", "messages": []}),
    ("POST", "/v1/responses", {"model": "lab/x", "input": "x"}),
    ("POST", "/v1/messages", {"model": "lab/x", "max_tokens": 5, "messages": []}),
    ("POST", "/v1/embeddings", {"model": "lab/x", "input": "x"}),
    ("GET", "/v1/models", None),
    ("GET", "/v1/key", None),
    ("GET", "/v1/credits", None),
    ("GET", "/v1/generation?id={request}", None),
]


@pytest.mark.parametrize(("owner", "asked"), WAYS)
@pytest.mark.parametrize(("method", "path", "body"), DATA, ids=[d[1] for d in DATA])
def test_a_key_of_another_zone_is_refused_and_told_where_it_belongs(
    places: dict[str, Place], owner: str, asked: str, method: str, path: str, body: Any
) -> None:
    theirs = places[owner]
    path = path.format(request=theirs.request_id)
    status, answer, _ = places[asked].ask(theirs.team.key, method, path, body)
    # Anthropic's envelope has the code in its type.
    error = answer["error"]
    assert status == 403, answer
    assert "zone_mismatch" in (error.get("code"), error["type"], error.get("opengateway_code"))
    assert f"'{owner}'" in error["message"]
    assert URLS[owner] in error["message"]


CONTROL = [
    "/teams/{team}",
    "/teams/{team}/keys",
    "/teams/{team}/members",
    "/teams/{team}/balance",
    "/teams/{team}/ledger",
    "/teams/{team}/budgets",
    "/logs?team_id={team}",
    "/logs/{request}",
]


@pytest.mark.parametrize(("owner", "asked"), WAYS)
@pytest.mark.parametrize("path", CONTROL)
@pytest.mark.parametrize("caller", ["their key", "our key", "their session"])
def test_a_team_of_another_zone_and_its_log_are_not_there(
    places: dict[str, Place], owner: str, asked: str, path: str, caller: str
) -> None:
    theirs, here = places[owner], places[asked]
    path = "/api/v1" + path.format(team=theirs.team.id, request=theirs.request_id)
    if caller == "their session":
        status, answer, _ = here.ask("", "GET", path, cookie=theirs.cookie)
        assert (status, answer["error"]["code"]) == (401, "not_signed_in")
        return
    key = theirs.team.manager if caller == "their key" else here.team.manager
    status, answer, _ = here.ask(key, "GET", path)
    if caller == "their key":
        assert (status, answer["error"]["code"]) == (403, "zone_mismatch")
    else:
        assert status == 404, answer
    assert theirs.team.name not in json.dumps(answer)


@pytest.mark.parametrize(("owner", "asked"), WAYS)
def test_no_fallback_leaves_the_zone(
    places: dict[str, Place], provider: Simulator, owner: str, asked: str
) -> None:
    here = places[asked]
    provider.reset()
    provider.faults({"match": {"persona": PERSONAS[asked]}, "fault": {"status": 500}})
    try:
        status, answer, _ = here.chat(here.team.key)
        assert status >= 500, answer
        # Asked for by name: the other zone's provider, and its model.
        only = {"only": ["abroad"]}
        status, answer, _ = here.chat(here.team.key, provider=only)
        assert (status, answer["error"]["code"]) == (404, "no_endpoints")
        status, answer, _ = here.chat(here.team.key, model=places[owner].model)
        assert status == 404, answer
        status, _, _ = here.chat(here.team.key, models=[here.model, places[owner].model])
        assert status >= 400
        asked_of = {record["persona"] for record in provider.stats()["records"]}
        assert asked_of == {PERSONAS[asked]}
    finally:
        provider.faults()
        provider.reset()


@pytest.mark.parametrize(("owner", "asked"), WAYS)
def test_a_redeem_code_of_another_zone_is_worth_nothing(
    places: dict[str, Place], owner: str, asked: str
) -> None:
    wish = {"name": "gift", "usd": "3", "count": 1}
    (code,) = operator(places[owner].product, "POST", "/redeem/codes", wish)["codes"]
    here = places[asked]
    body = {"code": code, "team_id": here.team.id}
    status, answer, _ = here.ask(here.team.manager, "POST", "/api/v1/redeem", body)
    assert (status, answer["error"]["code"]) == (400, "redeem_code_invalid")


def _everything(home: Path) -> bytes:
    return b"\0".join(p.read_bytes() for p in sorted(home.rglob("*")) if p.is_file())


@pytest.mark.parametrize(("owner", "asked"), WAYS)
def test_storage_is_disjoint(places: dict[str, Place], owner: str, asked: str) -> None:
    """After all of the above: nothing of one zone's is in any file of the other's home."""
    theirs, here = places[owner], places[asked]
    key_ids = [k["id"] for k in theirs.team.done("GET", "/keys")["data"]]
    marks = [
        theirs.team.id,
        theirs.request_id,
        theirs.team.name,
        f"{owner}@example.com",
        f"prompt of {owner}",
        theirs.team.key[-30:],
        *key_ids,
    ]
    files = _everything(here.product.zone_file.parent / "var")
    own = _everything(theirs.product.zone_file.parent / "var")
    assert theirs.team.id.encode() in own
    assert theirs.request_id.encode() in own
    assert [mark for mark in marks if mark.encode() in files] == []


def test_a_team_moves_by_the_command_line(places: dict[str, Place], tmp_path: Path) -> None:
    kr, jp = places["kr"], places["jp"]
    team = new_team(kr.product, "leaving", "2.5")
    assert kr.chat(team.key)[0] == 200
    file, made = tmp_path / "team.file", tmp_path / "secrets.json"
    to = ("--team", team.id, "--to", "jp", "--out", str(file), "--json")
    told = json.loads(run("teams", "export", "--zone", str(kr.product.zone_file), *to).stdout)
    key = kr.product.zone_file.parent / "var" / "secrets" / "snapshot-key.pub"
    at = ("--zone", str(jp.product.zone_file), "--origin-key", str(key), "--secrets", str(made))
    came = json.loads(run("teams", "import", *at, "--json", str(file)).stdout)
    assert came["usd"] == told["usd"] < "2.5"
    new = json.loads(made.read_text())["keys"]
    secret = next(k["key"] for k in new if k["kind"] == "inference")
    until(lambda: jp.product.knows(secret))
    assert jp.chat(secret)[0] == 200
    status, answer, _ = kr.chat(team.key)
    assert (status, answer["error"]["code"]) == (403, "zone_mismatch")
    made.unlink()
    again = run("teams", "import", *at, "--json", str(file), check=False)
    assert again.returncode == 1
    assert "imported before" in again.stderr
    verify(kr.product)
    verify(jp.product)


def test_a_signed_catalogue_update_is_told_and_put_in_force_without_a_start(
    places: dict[str, Place], tmp_path: Path
) -> None:
    here = places["jp"]
    endpoint = {"provider": "here", "upstream_model": "sim-chat", "context": 8192}
    priced = {**endpoint, "price": {"input": "0.2", "output": "0.6"}}
    update = {"format": 1, "name": "2026-12", "models": {"lab/newer": {"endpoints": [priced]}}}
    written, key, signed = tmp_path / "u.yaml", tmp_path / "key", tmp_path / "u.ogc"
    written.write_text(json.dumps(update))  # which is YAML too
    key.write_text(PRIVATE)
    run("catalog", "sign", str(written), "--key", str(key), "--out", str(signed))
    apply = ("catalog", "apply", "--zone", str(here.product.zone_file))
    assert here.chat(here.team.key, model="lab/newer")[0] == 404
    with ThreadPoolExecutor(1) as pool:
        # A stream that began before the change of models, and ends after it, whole.
        text = "[[simulate gap_s=0.1]] tell a story of 80 words"
        said = [{"role": "user", "content": text}]
        began = time.monotonic()
        running = pool.submit(here.chat, here.team.key, stream=True, messages=said)
        told = run(*apply, "--yes", str(signed)).stdout
        until(lambda: here.chat(here.team.key, model="lab/newer")[0] == 200)
        applied_s = time.monotonic() - began
        status, stream, _ = running.result()
        assert status == 200, stream
        assert stream.endswith(b"data: [DONE]\n\n")
        print(f"in force after {applied_s:.1f} s, stream of {time.monotonic() - began:.1f} s whole")
    assert "+ lab/newer  at here" in told
    assert "1 changes are in force" in told
    signed.write_bytes(signed.read_bytes().replace(b'"0.2"', b'"0.1"'))
    forged = run(*apply, "--yes", str(signed), check=False)
    assert forged.returncode == 1
    assert "the signature does not fit" in forged.stderr


@pytest.mark.parametrize("path", ["/openapi.json", "/api/v1/openapi.json"])
async def test_the_api_is_described_in_the_same_bytes_in_every_edition(
    places: dict[str, Place], path: str, tmp_path: Path
) -> None:
    saas, airgap = (http(place.product.url + path)[1] for place in places.values())
    assert saas == airgap
    assert json.loads(saas)["openapi"].startswith("3.1")
    if "/api/" in path:
        async with control_in(
            tmp_path
        ) as house:  # `selfhost`, which is what a zone file is by itself
            assert (await call(house.public_app, "GET", path)).body == saas


def test_a_local_servers_models_are_discovered(provider: Simulator) -> None:
    done = run("providers", "discover", f"{provider.url}/as/vllm/v1", "--name", "house")
    assert "auth: none" in done.stdout
    assert "provider: house" in done.stdout
    assert "models at" in done.stderr


def test_a_backup_of_a_running_zone_is_a_home_whose_ledger_is_whole(
    places: dict[str, Place], tmp_path: Path
) -> None:
    here = places["kr"]
    status, _, told = here.chat(here.team.key)
    assert status == 200
    here.product.record(told["x-request-id"])
    run("backup", "--zone", str(here.product.zone_file), "--out", str(tmp_path / "var"))
    again = run(
        "backup", "--zone", str(here.product.zone_file), "--out", str(tmp_path / "var"), check=False
    )
    assert again.returncode == 1
    # Another machine: the folder in the place of its home.
    zone = tmp_path / "zone.yaml"
    zone.write_text(here.product.zone_file.read_text())
    restored = Product(zone, 0, 0, here.product.process, tmp_path / "none")
    verify(restored)
    tail = run("dev", "tail", "--zone", str(zone), "--limit", "1000", "--json").stdout
    ids = {json.loads(line)["id"] for line in tail.splitlines()}
    assert told["x-request-id"] in ids
    assert {r["id"] for r in here.product.records()} == ids
    assert (tmp_path / "var" / "secrets").stat().st_mode & 0o077 == 0
