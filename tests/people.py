"""People, teams and keys on a control plane, for tests of who may do what."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from asgi_client import Reply, call
from opengateway.compose.control import ControlHouse
from opengateway.control.actor import SYSTEM
from opengateway.control.changes.service import ChangeLog
from opengateway.control.identity.caller import Caller
from opengateway.control.keys.service import KeyService
from opengateway.control.memberships.service import MembershipService
from opengateway.control.scope import ControlScope
from opengateway.control.sessions.service import SessionService
from opengateway.control.teams.service import TeamService
from opengateway.control.users.service import UserService
from opengateway.domain.principal import KeyKind
from opengateway.policies.permissions import PLATFORM_ROLES, TEAM_ROLES, Role

API = "/api/v1"


@dataclass(frozen=True)
class Person:
    """Somebody who can call: a user with a session, or a management key."""

    id: str
    headers: dict[str, str] = field(repr=False)
    email: str = ""


class People:
    """Makes accounts, teams and keys below the API, and calls the API as them."""

    def __init__(self, house: ControlHouse) -> None:
        self.house = house
        self._count = 0

    async def _within(self, work: Any) -> Any:
        hooks: list[Any] = []
        async with self.house.parts.database.write() as session:
            scope: ControlScope = self.house.parts.new_scope(session, hooks.append)
            made = await work(scope, ChangeLog(scope, self.house.parts.feed))
            await session.commit()
        for hook in hooks:
            hook()
        return made

    async def person(self, *, email: str = "", platform: Role | None = None) -> Person:
        self._count += 1
        address = email or f"person{self._count}@example.com"

        async def make(scope: ControlScope, _: ChangeLog) -> Person:
            user = await UserService(scope, SYSTEM).make(
                address, verified=True, platform_role=platform
            )
            caller = Caller("192.0.2.7", "test", "req_test")
            issued = await SessionService(scope).begin(user.id, caller, ["password"])
            cookie = f"{scope.sign_in.settings.session_cookie}={issued.token}"
            headers = {"cookie": cookie, "x-csrf-token": issued.csrf_token}
            return Person(user.id, headers, address)

        made: Person = await self._within(make)
        return made

    async def team(self, name: str = "team", **members: Person) -> str:
        """A team's id. `members`: a role to who has it."""

        async def make(scope: ControlScope, changes: ChangeLog) -> str:
            team = await TeamService(scope, SYSTEM).make(name)
            for role, who in members.items():
                await MembershipService(scope, changes, SYSTEM).add(team.id, who.id, Role(role))
            return team.id

        made: str = await self._within(make)
        return made

    async def join(self, team_id: str, who: Person, role: Role) -> None:
        async def work(scope: ControlScope, changes: ChangeLog) -> None:
            await MembershipService(scope, changes, SYSTEM).add(team_id, who.id, role)

        await self._within(work)

    async def management_key(self, team_id: str, **terms: Any) -> Person:
        async def make(scope: ControlScope, changes: ChangeLog) -> Person:
            key, secret = await KeyService(scope, changes, SYSTEM).create(
                team_id, "manager", KeyKind.MANAGEMENT, terms
            )
            return Person(key.id, {"authorization": f"Bearer {secret}"})

        made: Person = await self._within(make)
        return made

    async def everyone(self) -> tuple[str, dict[Role, Person]]:
        """A team, and somebody of each role: the five of the team, its key, the platform's three."""
        of: dict[Role, Person] = {role: await self.person() for role in TEAM_ROLES}
        team_id = await self.team("everyone", **{r.value: who for r, who in of.items()})
        of[Role.MANAGEMENT_KEY] = await self.management_key(team_id)
        for role in PLATFORM_ROLES:
            of[role] = await self.person(platform=role)
        return team_id, of

    async def ask(
        self,
        who: Person | None,
        method: str,
        path: str,
        payload: object = None,
        **headers: str,
    ) -> Reply:
        """One call of the public API. `headers`: `if_match="..."` and so on."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        known = {} if who is None else who.headers
        return await call(
            self.house.public_app, method, API + path, payload=payload, headers={**known, **sent}
        )

    async def done(
        self, who: Person, method: str, path: str, payload: object = None, **headers: str
    ) -> Any:
        """The same, where it must work: the decoded answer."""
        reply = await self.ask(who, method, path, payload, **headers)
        assert reply.status < 300, reply.text
        return reply.json() if reply.body else None

    async def refused(
        self, who: Person | None, method: str, path: str, payload: object = None, **headers: str
    ) -> tuple[int, str]:
        """The same, where it must not work: status and code."""
        reply = await self.ask(who, method, path, payload, **headers)
        assert reply.status >= 400, reply.text
        return reply.status, reply.json()["error"]["code"]

    async def rows(self, statement: str) -> list[Any]:
        from sqlalchemy import text

        async with self.house.parts.database.read() as session:
            return list((await session.execute(text(statement))).all())


async def person_in(people: People, team_id: str, role: Role) -> Person:
    who = await people.person()
    await people.join(team_id, who, role)
    return who
