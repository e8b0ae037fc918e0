"""A team leaves for another zone, or comes from one: what it has, and its money to the nano-dollar.

Both sides are one transaction each. There, the balance goes to an account that names the zone it went
to; here, it comes from one that names the zone it came from: the two are the same number, with
opposite signs. What was asked before stays where it was asked.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from opengateway.control.actor import Actor
from opengateway.control.budgets.models import Budget
from opengateway.control.budgets.service import BudgetService
from opengateway.control.changes.service import ChangeLog
from opengateway.control.invitations.service import InvitationService
from opengateway.control.keys.models import ApiKey
from opengateway.control.keys.playground import LABEL
from opengateway.control.keys.repository import KeyRepository
from opengateway.control.keys.service import KeyService
from opengateway.control.memberships.models import Membership
from opengateway.control.memberships.service import MembershipService
from opengateway.control.memberships.states import publish_team
from opengateway.control.scope import ControlScope
from opengateway.control.team_moves.form import (
    FORMAT,
    MovedBudget,
    MovedKey,
    MovedMember,
    MovedTeam,
    TeamFile,
)
from opengateway.control.teams.models import Team
from opengateway.control.teams.moves import Direction, TeamMove
from opengateway.control.teams.service import TeamService, TeamStatus
from opengateway.control.users.models import User
from opengateway.control.users.service import UserService
from opengateway.domain.budgets import BudgetMode, BudgetPeriod, BudgetScope
from opengateway.domain.errors import Conflict, InvalidRequest
from opengateway.domain.neighbours import ZoneMismatch
from opengateway.domain.principal import KeyKind
from opengateway.domain.routing_rules import RoutingPolicy
from opengateway.policies.permissions import Role
from opengateway.ports.ledger_book import Ask, Part

_SETTINGS: Final = tuple(
    n for n in MovedTeam.__struct_fields__ if n not in ("id", "name", "routing_policy")
)
_LIMITS: Final = ("rpm", "tpm", "concurrency")
_TERMS: Final = tuple(
    n for n in MovedKey.__struct_fields__ if n not in ("id", "name", "kind", "created_by")
)


class NotFrozen(Conflict):
    code = "team_not_frozen"


class AlreadyImported(Conflict):
    code = "team_imported_already"


class Arrived(NamedTuple):
    """`keys`: (id it had there, the new key, its secret). `invited`: (address, role, token)."""

    team: Team
    amount_nanos: int
    keys: list[tuple[str, ApiKey, str]]
    joined: list[str]
    invited: list[tuple[str, str, str]]


class TeamMoves:
    """For the operator. The caller owns the transaction."""

    def __init__(self, scope: ControlScope, changes: ChangeLog, actor: Actor) -> None:
        self._scope = scope
        self._changes = changes
        self._actor = actor
        self._teams = TeamService(scope, actor)

    # --- from here ----------------------------------------------------------------------------------
    async def leave(self, team_id: str, zone: str) -> TeamFile | str:
        """The file of a frozen team, whose credit leaves with it; a team that has left: the file as
        it was, in text. Raises `NotFrozen`, `Conflict` where money is held or owed."""
        if zone == self._scope.zone:
            raise InvalidRequest(f"the team is in zone {zone!r} already", param="zone")
        team = await self._teams.locked(team_id)
        if team.moved_to is not None:
            return await self._left_before(team, zone)
        if team.status != TeamStatus.FROZEN:
            raise NotFrozen("freeze the team first, so that nothing is spent while it moves")
        move_id = self._scope.new_id("mov_")
        ask = Ask(f"{move_id}:out", _by(self._actor), f"to zone {zone}")
        parts = await self._scope.ledger.credits.move_out(team_id, zone, ask)
        total = sum(part.amount for part in parts)
        now_ns = self._scope.clock.now_ns()
        file = TeamFile(
            format=FORMAT,
            id=move_id,
            origin=self._scope.zone,
            destination=zone,
            at_ns=now_ns,
            team=_moved(team),
            members=await self._members(team_id),
            keys=await self._keys(team_id, now_ns),
            budgets=await self._budgets(team_id),
            credits=list(parts),
            total_nanos=total,
        )
        team.moved_to = zone
        await self._note(
            TeamMove(
                id=move_id,
                direction=Direction.OUT.value,
                team_id=team_id,
                zone=zone,
                amount_nanos=total,
                at_ns=now_ns,
            ),
            "team.exported",
        )
        await publish_team(self._scope.session, self._changes, team)
        return file

    async def keep(self, move_id: str, text: str) -> None:
        """The signed file, for whoever loses it."""
        move = await self._scope.session.get(TeamMove, move_id)
        assert move is not None, "kept in the transaction that made it"
        move.file = text

    async def _left_before(self, team: Team, zone: str) -> str:
        statement = (
            select(TeamMove)
            .where(TeamMove.team_id == team.id, TeamMove.direction == Direction.OUT.value)
            .order_by(TeamMove.id.desc())
            .limit(1)
        )
        move = await self._scope.session.scalar(statement)
        if move is None or move.file is None or move.zone != zone:
            raise Conflict(f"the team has moved to zone {team.moved_to!r}", code="team_moved")
        return move.file

    async def _members(self, team_id: str) -> list[MovedMember]:
        statement = (
            select(Membership, User)
            .join(User, User.id == Membership.user_id)
            .where(Membership.team_id == team_id)
            .order_by(Membership.user_id)
        )
        rows = (await self._scope.session.execute(statement)).all()
        return [
            MovedMember(user.id, user.email, Role(row.role), row.rpm, row.tpm, row.concurrency)
            for row, user in rows
        ]

    async def _keys(self, team_id: str, now_ns: int) -> list[MovedKey]:
        rows = await KeyRepository(self._scope.session).live_locked(team_id)
        return [
            MovedKey(
                id=key.id,
                name=key.name,
                kind=KeyKind(key.kind),
                created_by=key.created_by,
                **{n: getattr(key, n) for n in _TERMS},
            )
            for key in rows
            if LABEL not in key.labels and (key.expires_at_ns is None or key.expires_at_ns > now_ns)
        ]

    async def _budgets(self, team_id: str) -> list[MovedBudget]:
        statement = select(Budget).where(Budget.team_id == team_id).order_by(Budget.id)
        return [
            MovedBudget(
                BudgetScope(row.scope),
                BudgetPeriod(row.period),
                BudgetMode(row.mode),
                row.limit_nanos,
                None if row.scope == BudgetScope.TEAM else row.subject_id,
            )
            for row in (await self._scope.session.scalars(statement)).all()
        ]

    # --- to here ------------------------------------------------------------------------------------
    async def arrive(self, file: TeamFile) -> Arrived:
        """Make the team of a file whose signature fits. Raises `ZoneMismatch`, `AlreadyImported`."""
        if file.destination != self._scope.zone or file.origin == self._scope.zone:
            raise ZoneMismatch(
                f"the file leads from zone {file.origin!r} to zone {file.destination!r}, and this"
                f" is zone {self._scope.zone!r}"
            )
        before = await self._scope.session.get(TeamMove, file.id)
        if before is not None:
            raise AlreadyImported(f"this file was imported before, as team {before.team_id!r}")
        team = await self._teams.make(file.team.name)
        for name in _SETTINGS:
            setattr(team, name, getattr(file.team, name))
        if file.team.routing_policy is not None:
            team.routing_policy = msgspec.to_builtins(file.team.routing_policy)
        move = TeamMove(
            id=file.id,
            direction=Direction.IN.value,
            team_id=team.id,
            zone=file.origin,
            amount_nanos=file.total_nanos,
            at_ns=self._scope.clock.now_ns(),
        )
        try:
            await self._note(move, "team.imported")
        except IntegrityError as error:
            raise AlreadyImported("this file is being imported already") from error
        for number, part in enumerate(file.credits):
            await self._credit(team.id, file, number, part)
        users, invited = await self._people(team.id, file.members)
        keys = await self._make_keys(team.id, file.keys, users)
        await self._make_budgets(team.id, file.budgets, {k[0]: k[1].id for k in keys}, users)
        await publish_team(self._scope.session, self._changes, team)
        return Arrived(team, file.total_nanos, keys, sorted(users.values()), invited)

    async def _credit(self, team_id: str, file: TeamFile, number: int, part: Part) -> None:
        ask = Ask(f"{file.id}:in:{number}", _by(self._actor), f"from zone {file.origin}")
        await self._scope.ledger.credits.move_in(team_id, file.origin, part, ask)

    async def _people(
        self, team_id: str, members: list[MovedMember]
    ) -> tuple[dict[str, str], list[tuple[str, str, str]]]:
        """Who has an account here with an address that was shown to be theirs is a member at once;
        others are invited. Return the ids there to those here, and the invitations."""
        service = MembershipService(self._scope, self._changes, self._actor)
        invitations = InvitationService(self._scope, self._changes, self._actor)
        accounts = UserService(self._scope, self._actor)
        joined: dict[str, str] = {}
        invited: list[tuple[str, str, str]] = []
        for member in members:
            user = await accounts.by_email(member.email)
            if user is None or user.email_verified_at_ns is None:
                _, token = await invitations.invite(team_id, member.email, member.role)
                invited.append((member.email, member.role.value, token))
                continue
            row = await service.add(team_id, user.id, member.role)
            for name in _LIMITS:
                setattr(row, name, getattr(member, name))
            joined[member.id] = user.id
        return joined, invited

    async def _make_keys(
        self, team_id: str, keys: list[MovedKey], users: dict[str, str]
    ) -> list[tuple[str, ApiKey, str]]:
        service = KeyService(self._scope, self._changes, self._actor)
        made: list[tuple[str, ApiKey, str]] = []
        for key in keys:
            terms: dict[str, Any] = {name: getattr(key, name) for name in _TERMS}
            expires = key.expires_at_ns
            if expires is not None and expires <= self._scope.clock.now_ns():
                continue
            row, secret = await service.create(team_id, key.name, key.kind, terms)
            if maker := users.get(key.created_by or ""):
                await service.made_by(row, maker)
            made.append((key.id, row, secret))
        return made

    async def _make_budgets(
        self,
        team_id: str,
        budgets: list[MovedBudget],
        keys: dict[str, str],
        users: dict[str, str],
    ) -> None:
        service = BudgetService(self._scope, self._actor)
        for budget in budgets:
            subject = budget.subject_id and {**keys, **users}.get(budget.subject_id)
            if budget.scope is not BudgetScope.TEAM and subject is None:
                continue  # of a key that has expired, or of somebody who has yet to accept
            await service.create(
                team_id,
                scope=budget.scope,
                subject_id=subject,
                period=budget.period,
                limit_nanos=budget.limit_nanos,
                mode=budget.mode,
            )

    async def _note(self, move: TeamMove, action: str) -> None:
        self._scope.session.add(move)
        await self._scope.session.flush()
        await self._scope.audit(
            self._actor,
            action,
            object_id=move.team_id,
            after={"move": move.id, "zone": move.zone, "amount_nanos": move.amount_nanos},
            team_id=move.team_id,
        )


def _moved(team: Team) -> MovedTeam:
    policy = team.routing_policy
    return MovedTeam(
        id=team.id,
        name=team.name,
        routing_policy=None if policy is None else msgspec.convert(policy, RoutingPolicy),
        **{name: getattr(team, name) for name in _SETTINGS},
    )


def _by(actor: Actor) -> str:
    return actor.user_id or actor.kind.value
