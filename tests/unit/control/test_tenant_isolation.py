"""Two customers, alike in all but their ids. One asks for everything of the other's, by every route."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from control_plane import control_in
from opengateway.control.access import Access, DeclaredRoute, declared_routes
from opengateway.http.openapi import describe
from opengateway.kit.chance import seeded
from opengateway.policies.permissions import TEAM_ROLES, Role
from people import API, People, Person, person_in

pytestmark = pytest.mark.slow

_BODIES: dict[str, Any] = {
    "keys": {"name": "x"},
    "rotate": {"overlap_s": 0},
    "invitations": {"email": "x@example.com", "role": "viewer"},
    "leave": None,
}


@dataclass
class Customer:
    team_id: str
    people: dict[Role, Person]
    ids: list[str]
    """Of everything that belongs to it, the team's own first."""


@pytest.fixture
async def people(tmp_path: Path) -> AsyncIterator[People]:
    async with control_in(tmp_path) as house:
        yield People(house)


async def customer(people: People, name: str) -> Customer:
    owner = await people.person()
    team_id = await people.team(name, owner=owner)
    who = {Role.OWNER: owner}
    for role in TEAM_ROLES[1:]:
        who[role] = await person_in(people, team_id, role)
    who[Role.MANAGEMENT_KEY] = await people.management_key(team_id)
    key = await people.done(owner, "POST", f"/teams/{team_id}/keys", {"name": f"{name}-key"})
    invitation = await people.done(
        owner,
        "POST",
        f"/teams/{team_id}/invitations",
        {"email": f"{name}@example.com", "role": "member"},
    )
    ids = [team_id, key["id"], invitation["id"], *(p.id for p in who.values())]
    return Customer(team_id, who, ids + await filled(people, owner, team_id))


async def filled(people: People, owner: Person, team_id: str) -> list[str]:
    """One of everything else that a team can have, made of the docs' examples; their ids."""
    found = []
    for path, operations in describe(people.house.public_app)["paths"].items():
        body = operations.get("post", {}).get("requestBody")
        of_team = path.startswith(API + "/teams/{team_id}/") and path.count("{") == 1
        if body is None or not of_team or path.endswith(("/keys", "/invitations")):
            continue
        example = body["content"]["application/json"]["example"]
        path = path.removeprefix(API).replace("{team_id}", team_id)
        reply = await people.ask(owner, "POST", path, example)
        if reply.status == 201:
            found += re.findall(r'"id":"([^"]+)"', reply.text)
    assert any(i.startswith("wh_") for i in found), found
    return found


def routes(people: People) -> list[DeclaredRoute]:
    return [r for r in declared_routes(people.house.public_app.router) if r.access is Access.TEAM]


def paths(route: DeclaredRoute, team_id: str, ids: list[str]) -> list[str]:
    """The route's paths below `team_id` with each of `ids` in every other place."""
    path = route.path.removeprefix(API).replace("{team_id}", team_id)
    places = re.findall(r"\{[a-z_]+\}", path)
    found = []
    for chosen in itertools.product(ids, repeat=len(places)):
        one = path
        for place, value in zip(places, chosen, strict=True):
            one = one.replace(place, value, 1)
        found.append(one)
    return found


def chosen(found: list[str]) -> list[str]:
    """At most a dozen, spread over all."""
    return found[:: max(1, len(found) // 12)][:12]


def body_of(route: DeclaredRoute) -> Any:
    if route.methods[0] in ("GET", "DELETE"):
        return None
    return _BODIES.get(route.path.rsplit("/", 1)[-1], {})


async def state_of(people: People, team_id: str) -> list[list[Any]]:
    tables = ("api_keys", "memberships", "invitations", "audit_log")
    return [
        await people.rows(f"SELECT * FROM {table} WHERE team_id = '{team_id}' ORDER BY 1, 2")
        for table in tables
    ] + [await people.rows(f"SELECT * FROM teams WHERE id = '{team_id}'")]


async def test_no_route_gives_or_changes_anything_of_another_team(people: People) -> None:
    mine, other = await customer(people, "mine"), await customer(people, "other")
    before = await state_of(people, other.team_id)
    asked = 0
    for route in routes(people):
        # Their team with their ids, and my own team with their ids.
        theirs = paths(route, other.team_id, other.ids)
        under_mine = paths(route, mine.team_id, other.ids) if len(route.params) > 1 else []
        for path, role in itertools.product([*chosen(theirs), *chosen(under_mine)], mine.people):
            foreign_team = path.startswith(f"/teams/{other.team_id}")
            reply = await people.ask(mine.people[role], route.methods[0], path, body_of(route))
            asked += 1
            allowed = (404,) if foreign_team else (400, 403, 404)
            assert reply.status in allowed, f"{role} {route.methods[0]} {path}: {reply.text}"
            leaked = [i for i in other.ids if i in reply.text and i not in path]
            assert leaked == [], f"{role} {path}: {reply.text}"
    assert asked > 500
    assert await state_of(people, other.team_id) == before


async def test_no_list_shows_a_row_of_another_team(people: People) -> None:
    mine, other = await customer(people, "mine"), await customer(people, "other")
    for route in routes(people):
        if route.methods != ("GET",) or len(route.params) > 1:
            continue
        for path in paths(route, mine.team_id, []):
            for role, who in mine.people.items():
                reply = await people.ask(who, "GET", f"{path}?limit=1000")
                if reply.status < 300:
                    found = [i for i in other.ids if i in reply.text]
                    assert found == [], f"{role} {path}"


async def test_a_cursor_of_another_team_leads_to_nothing_of_it(people: People) -> None:
    mine, other = await customer(people, "mine"), await customer(people, "other")
    for route in routes(people):
        if route.methods != ("GET",) or len(route.params) > 1:
            continue
        path = paths(route, other.team_id, [])[0]
        page = await people.ask(other.people[Role.OWNER], "GET", f"{path}?limit=1")
        listed = page.status < 300 and "json" in page.headers["content-type"]
        cursor = page.json().get("next") if listed else page.headers.get("x-next")
        if cursor:
            own = paths(route, mine.team_id, [])[0]
            reply = await people.ask(mine.people[Role.OWNER], "GET", f"{own}?after={cursor}")
            assert reply.status == 200
            assert [i for i in other.ids if i in reply.text] == [], path


async def test_random_calls_of_one_customer_leave_the_other_as_it_was(people: People) -> None:
    mine, other = await customer(people, "mine"), await customer(people, "other")
    before = await state_of(people, other.team_id)
    seed = int(os.environ.get("OPENGATEWAY_SEED", "20260401"))
    print(f"seed {seed}")
    chance = seeded(seed)
    every = routes(people)
    count = 20_000 if os.environ.get("OPENGATEWAY_SOAK") == "1" else 400
    for _ in range(count):
        route = chance.choice(every)
        ids = [chance.choice(mine.ids + other.ids) for _ in range(2)]
        path = chance.choice(paths(route, chance.choice([mine.team_id, other.team_id]), ids))
        who = chance.choice(list(mine.people.values()))
        reply = await people.ask(who, route.methods[0], path, body_of(route))
        # No zone is served here: what asks for its models is told so.
        is_unserved = reply.status == 503 and "nothing is compiled" in reply.text
        assert reply.status < 500 or is_unserved, f"{route.methods[0]} {path}: {reply.text}"
        assert [i for i in other.ids if i in reply.text and i not in path] == [], path
    assert await state_of(people, other.team_id) == before
