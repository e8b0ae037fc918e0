from __future__ import annotations

import msgspec
import pytest

from opengateway.domain.catalog import CredentialOwner, Snapshot
from opengateway.domain.errors import NotFound
from opengateway.domain.particulars import OwnCredential
from opengateway.domain.principal import Principal
from opengateway.gateway.models import ModelList
from opengateway.gateway.own_credentials import own_alone
from opengateway.gateway.resolve import plan_chat
from opengateway.gateway.routing.health_table import key_of, scope_key
from opengateway.policies.health import Scope
from unit.gateway.fakes import PRINCIPAL, chat, endpoint, model, snapshot

OURS = msgspec.structs.replace(PRINCIPAL, team_id="team_ours")


def shot(*own: OwnCredential, own_only: bool = False) -> Snapshot:
    """`a` has the platform's `main`, or is there for own credentials alone; `b` needs none."""
    made = snapshot(model("lab/m", endpoint("a")), model("lab/both", endpoint("a"), endpoint("b")))
    a = msgspec.structs.replace(
        made.providers["a"], credentials=() if own_only else ("main",), own_only=own_only
    )
    return msgspec.structs.replace(
        made, providers={**made.providers, "a": a}, own_credentials={"team_ours": own}
    )


def ways(who: Principal, found: Snapshot, name: str = "lab/m", **more: object) -> list[str | None]:
    return [c.credential for c in plan_chat(chat(name, **more), who, found).candidates]  # type: ignore[arg-type]


def test_a_preferred_credential_goes_first_and_another_last() -> None:
    first = shot(OwnCredential("a", "own:1"), OwnCredential("a", "own:2", preferred=False))
    assert ways(OURS, first) == ["own:1", "main", "own:2"]
    assert ways(OURS, first, "lab/both") == ["own:1", "main", None, "own:2"]


def test_no_other_teams_plan_has_it_on_any_way() -> None:
    found = shot(OwnCredential("a", "own:1"))
    assert ways(PRINCIPAL, found) == ["main"]
    assert ways(PRINCIPAL, found, "lab/both", fallbacks=("lab/m",)) == ["main", None, "main"]
    # The one after the other, in either order: a plan that is kept is not handed on.
    assert ways(OURS, found) == ["own:1", "main"]
    assert ways(PRINCIPAL, found) == ["main"]


def test_a_provider_without_a_credential_of_the_platforms_is_there_for_its_team_alone() -> None:
    found = shot(OwnCredential("a", "own:1"), own_only=True)
    assert ways(OURS, found) == ["own:1"]
    assert ways(PRINCIPAL, found, "lab/both") == [None]
    with pytest.raises(NotFound):
        ways(PRINCIPAL, found)
    assert ways(PRINCIPAL, found, "lab/m", fallbacks=("lab/both",)) == [None]
    listed = ModelList()
    assert b'"lab/m"' in listed.listing(found, OURS)
    assert b'"lab/m"' not in listed.listing(found, PRINCIPAL)
    assert b'"lab/both"' in listed.listing(found, PRINCIPAL)
    with pytest.raises(NotFound):
        listed.one(found, PRINCIPAL, "lab/m")


def test_what_an_own_credential_meets_says_nothing_of_the_platforms() -> None:
    own, main = plan_chat(chat(), OURS, shot(OwnCredential("a", "own:1"))).candidates
    for scope in (Scope.ENDPOINT, Scope.REGION, Scope.CREDENTIAL, Scope.QUOTA, Scope.MODEL):
        mine, theirs = scope_key(scope, key_of(own)), scope_key(scope, key_of(main))
        assert mine != theirs, scope
        assert len(mine) == len(theirs), "gossip knows the form of a key"


def test_whose_it_is_shows_in_its_name() -> None:
    own, main = plan_chat(chat(), OURS, shot(OwnCredential("a", "own:1"))).candidates
    assert own.provider.owner_of(own.credential) is CredentialOwner.TEAM
    assert main.provider.owner_of(main.credential) is CredentialOwner.PLATFORM


def test_who_cannot_pay_the_platform_goes_by_own_credentials_alone() -> None:
    plan = plan_chat(chat(), OURS, shot(OwnCredential("a", "own:1")))
    alone = own_alone(plan)
    assert alone is not None
    assert [c.credential for c in alone.candidates] == ["own:1"]
    assert own_alone(alone) is None
    assert own_alone(plan_chat(chat(), PRINCIPAL, shot())) is None
