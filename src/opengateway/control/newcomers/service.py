"""What a new team gets: welcome credit once for each verified identity, the limits of the free tier.

And what is noticed of it: how many teams come from one network or one browser. Many are an alert for the
platform's people and nothing else: a school or an office looks just like that.
"""

from __future__ import annotations

import hmac
from typing import Final

from opengateway.control.actor import SYSTEM, Actor
from opengateway.control.identity.caller import Caller
from opengateway.control.newcomers.models import AbuseAlert, FreeTeam
from opengateway.control.newcomers.repository import NewcomerRepository
from opengateway.control.scope import ControlScope
from opengateway.control.teams.models import Team
from opengateway.control.users.repository import UserRepository
from opengateway.domain.errors import NotFound
from opengateway.domain.ledger import CreditKind
from opengateway.kit.log import get_logger
from opengateway.ports.ledger_book import Ask, Credit

MANY: Final = 4
"""So many teams behind one network or device, within the window, are an alert."""
WINDOW_NS: Final = 30 * 86_400 * 1_000_000_000
_DAY_NS: Final = 86_400 * 1_000_000_000
_LISTED: Final = 50

log = get_logger(__name__)


class Newcomers:
    """The caller owns the transaction."""

    def __init__(self, scope: ControlScope, actor: Actor) -> None:
        self._scope = scope
        self._actor = actor
        self.rows = NewcomerRepository(scope.session)

    async def greet(self, team: Team, user_id: str, caller: Caller, device: str) -> None:
        """For a team that somebody has just made. `device` is what its browser is known by, or ""."""
        await self._limit(team)
        await self._welcome(team.id, user_id)
        await self.notice(team.id, caller, device)

    async def notice(self, team_id: str, caller: Caller, device: str = "") -> None:
        """Keep that this team was seen there; raise an alert where it is one of many."""
        marks = [("network", caller.network)]
        if device:
            marks.append(("device", device))
        for kind, what in marks:
            mark = f"{kind}:{self._digest(what)}"
            now_ns = self._scope.clock.now_ns()
            if not await self.rows.add_sighting(mark, team_id, now_ns):
                continue
            teams = await self.rows.teams_of(mark, now_ns - WINDOW_NS, _LISTED)
            if len(teams) >= MANY:
                await self._alert(kind, mark, list(teams))

    async def dismiss(self, alert_id: str, reason: str) -> AbuseAlert:
        """Somebody looked, and it is well. Raises `NotFound`."""
        found = await self.rows.alert(alert_id)
        if found is None:
            raise NotFound(f"there is no alert {alert_id!r}", param="alert_id")
        if found.status != "dismissed":
            found.status, found.dismissed_by = "dismissed", self._actor.user_id or "operator"
            await self._scope.audit(
                self._actor, "abuse.dismissed", object_id=alert_id, reason=reason
            )
        return found

    async def _alert(self, kind: str, mark: str, teams: list[str]) -> None:
        now_ns = self._scope.clock.now_ns()
        values = {
            "id": self._scope.new_id("abu_"),
            "mark": mark,
            "kind": kind,
            "status": "open",
            "team_ids": teams,
            "first_at_ns": now_ns,
            "last_at_ns": now_ns,
        }
        if await self.rows.add_alert(values):
            log.warning("many_teams_of_one_source", kind=kind, teams=len(teams))
            return
        found = await self.rows.alert_of(mark)
        if found is not None:
            # One that was dismissed is opened again only where it has become twice as many.
            if found.status == "dismissed" and len(teams) >= 2 * len(found.team_ids):
                found.status = "open"
            if found.status == "open":
                found.team_ids = teams
            found.last_at_ns = now_ns

    async def _limit(self, team: Team) -> None:
        tier = self._scope.selling.rules.free_tier
        if tier is None:
            return
        team.rpm, team.tpm, team.concurrency = tier.rpm, tier.tpm, tier.concurrency
        await self.rows.add_free(
            FreeTeam(
                team_id=team.id,
                rpm=tier.rpm,
                tpm=tier.tpm,
                concurrency=tier.concurrency,
                since_ns=self._scope.clock.now_ns(),
            )
        )

    async def _welcome(self, team_id: str, user_id: str) -> None:
        rules, now_ns = self._scope.selling.rules, self._scope.clock.now_ns()
        user = await UserRepository(self._scope.session).get(user_id)
        if rules.welcome_nanos == 0 or user is None or user.email_verified_at_ns is None:
            return
        identity = self._digest(one_mailbox(user.email))
        is_new = await self.rows.add_welcome(
            {
                "identity": identity,
                "user_id": user_id,
                "team_id": team_id,
                "amount_nanos": rules.welcome_nanos,
                "at_ns": now_ns,
            }
        )
        if not is_new:
            return
        days = rules.welcome_days
        credit = Credit(
            team_id=team_id,
            amount=rules.welcome_nanos,
            kind=CreditKind.PROMO,
            expires_at_ns=None if days is None else now_ns + days * _DAY_NS,
        )
        ask = Ask(f"welcome:{identity}", SYSTEM.kind.value, "welcome credit")
        booked = await self._scope.ledger.credits.add(credit, ask)
        await self._scope.audit(
            self._actor, "ledger.welcomed", object_id=booked.entry_id, team_id=team_id
        )

    def _digest(self, what: str) -> str:
        secret = self._scope.pepper.secret
        return hmac.digest(secret, f"newcomer:{what}".encode(), "sha256").hex()


def one_mailbox(email: str) -> str:
    """An address without what its owner may add at will: what follows a `+`."""
    local, _, domain = email.rpartition("@")
    return f"{local.partition('+')[0] or local}@{domain}"
