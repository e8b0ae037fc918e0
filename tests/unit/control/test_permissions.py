from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from control_plane import control_in
from opengateway.control.access import Access, DeclaredRoute, declared_routes
from opengateway.domain.errors import OperatorError
from opengateway.policies.permissions import Permissions, Role, read_permissions
from people import API, People, Person

# Written by hand from the product's description of roles, not from the policy. One letter a role:
# o owner, a admin, b billing, m member, v viewer, k management key, and of the platform
# A admin, S support, F finance.
_LETTERS = dict(zip("oabmvkASF", Role, strict=True))
_TEAM = {
    "team.read": "oabmvkASF",
    "team.update": "oakA",
    "team.limits": "A",
    "team.delete": "oA",
    "team.leave": "oabmv",
    "members.read": "oabmvkAS",
    "members.update": "oaA",
    "members.remove": "oaA",
    "invitations.read": "oaAS",
    "invitations.create": "oaA",
    "invitations.revoke": "oaA",
    "audit.read": "oakAS",
    "keys.read": "oabmvkAS",
    "keys.create": "oamkA",
    "keys.update": "oamkA",
    "keys.rotate": "oamkA",
    "keys.revoke": "oamkA",
    "keys.any": "oakA",
    "management_keys.manage": "oaA",
    "body_logging.write": "oakA",
    "billing.read": "oabvkASF",
    "billing.topup": "oabkA",
    "billing.redeem": "oabkA",
    "budgets.read": "oabmvkASF",
    "budgets.write": "oabkA",
    "notifications.read": "oabmvkAS",
    "notifications.write": "oabkA",
    "webhooks.read": "oakAS",
    "webhooks.write": "oakA",
    "own_credentials.read": "oavkAS",
    "own_credentials.write": "oakA",
    "routing.read": "oabmvkAS",
    "routing.write": "oakA",
    "logs.read": "oamvkAS",
    "logs.bodies.read": "oaA",
}
_PLATFORM = {
    "users.read": "AS",
    "users.write": "A",
    "platform_roles.write": "A",
    "teams.read": "ASF",
    "teams.freeze": "AF",
    "ledger.read": "ASF",
    "ledger.grant": "AF",
    "ledger.adjust": "AF",
    "ledger.refund": "AF",
    "ledger.chargeback": "AF",
    "providers.read": "AS",
    "providers.write": "A",
    "catalogue.read": "ASF",
    "catalogue.write": "A",
    "overview.read": "ASF",
    "approvals.read": "ASF",
    "approvals.decide": "AF",
    "announcements.write": "A",
    "campaigns.read": "ASF",
    "campaigns.write": "AF",
    "abuse.read": "ASF",
    "abuse.write": "AF",
    "prices.read": "ASF",
    "prices.write": "AF",
    "platform_audit.read": "AS",
    "platform_logs.read": "AS",
    "system.read": "AS",
    "system.write": "A",
}
EXPECTED = {name: {_LETTERS[c] for c in row} for name, row in {**_TEAM, **_PLATFORM}.items()}
_ROW = re.compile(r'^("[a-z_.]+"\s*= ")([x -]+)(")', re.MULTILINE)


def policy_text() -> str:
    return files("opengateway.policies").joinpath("permissions.toml").read_text("utf-8")


def differs(policy: Permissions) -> list[str]:
    """Cells of a policy that are not as expected, as "permission role"."""
    found = {**policy.team, **policy.platform}
    assert found.keys() == EXPECTED.keys()
    return [
        f"{name} {role}"
        for name, roles in EXPECTED.items()
        for role in Role
        if (role in found[name]) != (role in roles)
    ]


def flipped(text: str) -> Iterator[str]:
    """The policy with one cell changed, once for each cell there is."""
    for row in _ROW.finditer(text):
        for cell in re.finditer(r"[x-]", row[2]):
            at = row.start(2) + cell.start()
            yield text[:at] + ("-" if text[at] == "x" else "x") + text[at + 1 :]


def test_every_cell_of_the_policy_is_as_it_should_be() -> None:
    assert differs(read_permissions(policy_text())) == []


def test_a_change_of_any_one_cell_is_noticed() -> None:
    variants = list(flipped(policy_text()))
    assert len(variants) == len(EXPECTED) * len(Role)
    noticed = [differs(read_permissions(text)) for text in variants]
    assert all(len(cells) == 1 for cells in noticed)
    assert len({cells[0] for cells in noticed}) == len(variants)


def test_the_platforms_people_who_only_read_never_write_or_see_bodies() -> None:
    theirs = {name for name, roles in EXPECTED.items() if Role.PLATFORM_SUPPORT in roles}
    assert all(name.endswith(".read") for name in theirs)
    assert "logs.bodies.read" not in theirs


def test_no_role_within_a_team_has_a_permission_of_the_platform() -> None:
    platform = {_LETTERS[c] for c in "ASF"}
    assert all(EXPECTED[name] <= platform for name in _PLATFORM)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("x     x     x     x     x     x", "x     x     x     x     x"), "'team.read' must be 9"),
        (('"team.leave"', '"users.read"'), "'users.read' stands in both tables"),
        (('"viewer", ', ""), "'roles' must be"),
        (("roles =", "rolls ="), "permissions.toml"),
        (("[team]", "[team"), "permissions.toml"),
    ],
)
def test_a_policy_that_is_not_whole_is_refused_with_words(
    change: tuple[str, str], says: str
) -> None:
    with pytest.raises(OperatorError, match=re.escape(says)):
        read_permissions(policy_text().replace(change[0], change[1], 1))


# What the policy says is what the API does: every route, asked by somebody of every role.


@pytest.fixture
async def people(tmp_path: Path) -> AsyncIterator[People]:
    async with control_in(tmp_path) as house:
        yield People(house)


def judged(people: People) -> list[DeclaredRoute]:
    routes = declared_routes(people.house.public_app.router)
    return [r for r in routes if r.access in (Access.TEAM, Access.OWN_TEAMS, Access.PLATFORM)]


def path_of(route: DeclaredRoute, team_id: str) -> str:
    path = route.path.replace("{team_id}", team_id)
    # Nothing has this id: whoever may, is told 404 or that the body is wrong, and changes nothing.
    path = re.sub(r"\{[a-z_]+\}", "none_" + "0" * 32, path).removeprefix(API)
    # A file is told as JSON, and a stream ends soon.
    return path + {"export": "?format=json", "tail": "?for_s=1"}.get(path.rpartition("/")[2], "")


async def test_every_route_is_open_to_exactly_the_roles_of_its_permission(people: People) -> None:
    team_id, everyone = await people.everyone()
    routes = judged(people)
    assert len(routes) > 15
    for route in routes:
        assert route.permission is not None
        for role, who in everyone.items():
            # What would change who is there is asked of those alone who must be refused.
            changes = route.path.endswith("/leave") or route.methods == ("DELETE",)
            harmless = "none_" in path_of(route, team_id)
            if changes and not harmless and role in EXPECTED[route.permission]:
                continue
            await check(people, route, team_id, role, who)


async def check(
    people: People, route: DeclaredRoute, team_id: str, role: Role, who: Person
) -> None:
    assert route.permission is not None
    method = route.methods[0]
    body: object = None if method in ("GET", "DELETE") else {}
    reply = await people.ask(who, method, path_of(route, team_id), body)
    asked = f"{role} {route}: {reply.status} {reply.text[:200]}"
    told = reply.headers.get("content-type", "").startswith("application/json")
    error = reply.json().get("error", {}) if told and reply.status >= 400 else {}
    missing = error.get("code") == "permission_missing"
    if role in EXPECTED[route.permission]:
        assert not missing, asked
        assert reply.status not in (401, 500), asked
    else:
        assert (reply.status, missing) == (403, True), asked
        assert route.permission in error["message"], asked
