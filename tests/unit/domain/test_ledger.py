from __future__ import annotations

import pytest

from opengateway.domain.ledger import (
    Account,
    Draw,
    Entry,
    EntryKind,
    Posting,
    Role,
    Unbalanced,
)

AVAILABLE = Account(Role.AVAILABLE, "team_a")
HELD = Account(Role.HELD, "team_a")
GRANTS = Account(Role.GRANTS)
USAGE = Account(Role.USAGE)


def entry(kind: EntryKind, *postings: tuple[Account, int]) -> Entry:
    made = tuple(Posting(account, amount) for account, amount in postings)
    return Entry("ent_1", kind, "ref", made, 1, "team_a")


def test_accounts_are_named_by_whose_they_are() -> None:
    assert AVAILABLE.name == "team:team_a:available"
    assert (GRANTS.name, GRANTS.team_id) == ("equity:grants", None)
    assert Account(Role.PAYABLE, "acme").name == "payable:acme"


def test_an_entry_says_what_it_moved() -> None:
    made = entry(EntryKind.SETTLE, (HELD, -7), (AVAILABLE, -3), (USAGE, 10))
    assert made.amount == 10
    assert [made.overdraws(p) for p in made.postings] == [False, True, False]
    grant = entry(EntryKind.GRANT, (GRANTS, -5), (AVAILABLE, 5))
    assert not any(grant.overdraws(p) for p in grant.postings)


@pytest.mark.parametrize(
    ("kind", "postings"),
    [
        (EntryKind.GRANT, ()),
        (EntryKind.GRANT, ((AVAILABLE, 5), (GRANTS, -4))),
        (EntryKind.GRANT, ((AVAILABLE, -5), (GRANTS, 5))),  # the wrong way
        (EntryKind.GRANT, ((AVAILABLE, 5), (USAGE, -5))),  # not of this kind
        (EntryKind.GRANT, ((Account(Role.AVAILABLE, "team_b"), 5), (GRANTS, -5))),
        (EntryKind.GRANT, ((AVAILABLE, 3), (AVAILABLE, 2), (GRANTS, -5))),
        (EntryKind.LEASE, ((AVAILABLE, 5), (HELD, -5))),
        (EntryKind.RETURN, ((AVAILABLE, -5), (HELD, 5))),
        (EntryKind.SETTLE, ((HELD, 5), (USAGE, -5))),
    ],
)
def test_an_entry_that_is_wrong_cannot_be_made(
    kind: EntryKind, postings: tuple[tuple[Account, int], ...]
) -> None:
    with pytest.raises(Unbalanced):
        entry(kind, *postings)


@pytest.mark.parametrize("amount", [0, 1.0, True, None, "5"])
def test_what_is_no_whole_amount_cannot_be_posted(amount: object) -> None:
    with pytest.raises(Unbalanced):
        Posting(AVAILABLE, amount)  # type: ignore[arg-type]


@pytest.mark.parametrize("amount", [0, -1, 1.5])
def test_a_draw_only_takes(amount: object) -> None:
    with pytest.raises(Unbalanced):
        Draw("crd_1", amount)  # type: ignore[arg-type]
