"""A team's own ceiling on where its requests may go: set, shown, checked, in the next snapshot."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from control_plane import control_in
from opengateway.catalog.desk import DeskCatalogue, finish
from opengateway.control.desk_state import read_desk
from opengateway.domain.catalog import Snapshot
from opengateway.domain.routing_rules import MaxPrice, Routing, RoutingPolicy
from opengateway.policies.permissions import Role
from people import People, person_in

POLICY = {
    "only": ["acme", "azure/eastus"],
    "ignore": ["acme/x"],
    "countries": ["KR"],
    "deny_data_collection": True,
    "zdr": False,
    "max_price": {"prompt": 5, "completion": None, "request": None, "image": None},
}
KEPT = RoutingPolicy(
    only=("acme", "azure/eastus"),
    ignore=("acme/x",),
    countries=("KR",),
    deny_data_collection=True,
    max_price=MaxPrice(prompt=5),
)


@pytest.fixture
async def people(tmp_path: Path, store_url: str) -> AsyncIterator[People]:
    async with control_in(tmp_path, store_url) as house:
        yield People(house)


async def policies(people: People) -> dict[str, RoutingPolicy]:
    """What the next snapshot takes from the store."""
    async with people.house.parts.database.read() as session:
        return (await read_desk(session, 0)).catalogue.team_policies


async def test_an_owner_sets_it_and_the_next_snapshot_has_it(people: People) -> None:
    owner = await people.person()
    team_id = await people.team(owner=owner)
    path = f"/teams/{team_id}/routing"
    shown = await people.done(owner, "GET", path)
    assert (shown["only"], shown["countries"], shown["max_price"]) == ([], [], None)
    assert await policies(people) == {}
    changed = await people.done(owner, "PUT", path, POLICY)
    assert {name: changed[name] for name in POLICY} == POLICY
    assert await people.done(owner, "GET", path) == changed
    assert await policies(people) == {team_id: KEPT}
    # All of it is set at once: what is left out bounds nothing again.
    await people.done(owner, "PUT", path, {})
    assert await policies(people) == {}
    deeds = await people.rows("SELECT action FROM audit_log WHERE action = 'team.routing_changed'")
    assert len(deeds) == 2


async def test_who_saw_an_older_team_does_not_overwrite_it(people: People) -> None:
    owner = await people.person()
    team_id = await people.team(owner=owner)
    path = f"/teams/{team_id}/routing"
    version = (await people.done(owner, "PUT", path, {"zdr": True}))["version"]
    await people.done(owner, "PUT", path, {"zdr": False})
    reply = await people.ask(owner, "PUT", path, POLICY, if_match=f'"{version}"')
    assert reply.status == 412
    assert await policies(people) == {}


async def test_a_member_sees_it_and_cannot_set_it(people: People) -> None:
    owner = await people.person()
    team_id = await people.team(owner=owner)
    member = await person_in(people, team_id, Role.MEMBER)
    path = f"/teams/{team_id}/routing"
    assert (await people.done(member, "GET", path))["zdr"] is False
    reply = await people.ask(member, "PUT", path, {"zdr": True})
    assert reply.status == 403


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"only": ["Not A Slug"]}, "only"),
        ({"countries": ["Korea"]}, "countries"),
        ({"max_price": {"prompt": -1}}, "max_price"),
        ({"sometimes": True}, "sometimes"),
    ],
)
async def test_what_is_no_policy_is_refused(
    people: People, body: dict[str, object], param: str
) -> None:
    owner = await people.person()
    team_id = await people.team(owner=owner)
    reply = await people.ask(owner, "PUT", f"/teams/{team_id}/routing", body)
    assert reply.status == 400
    assert param in reply.json()["error"]["param"]


def test_it_holds_beside_what_the_zone_file_says_of_the_team() -> None:
    zone = {"team_1": RoutingPolicy(only=("acme", "azure"), zdr=True), "team_2": RoutingPolicy()}
    shot = Snapshot("v1", "kr", 0, {}, {}, {}, Routing(), team_policies=zone)
    found = finish(shot, DeskCatalogue(team_policies={"team_1": KEPT, "team_3": KEPT}))
    assert found.team_policies["team_1"] == RoutingPolicy(
        only=("acme", "azure/eastus"),
        ignore=("acme/x",),
        countries=("KR",),
        deny_data_collection=True,
        zdr=True,
        max_price=MaxPrice(prompt=5),
    )
    assert found.team_policies["team_2"] == RoutingPolicy()
    assert found.team_policies["team_3"] == KEPT
    assert found.version != shot.version
