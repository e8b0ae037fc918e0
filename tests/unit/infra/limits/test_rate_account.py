from __future__ import annotations

from opengateway.infra.limits.account import IDLE_S, LEASE_S, Account, Need
from opengateway.ports.limits import Level, LimitRow

ROW = LimitRow(Level.KEY, "key:k", 100, 10_000, 50)
PLENTY = (1000, 100_000, 1000)
HAVE, LEAST, WANT = slice(3, 6), slice(9, 12), slice(12, 15)


def leased(now: float = 100.0) -> Account:
    account = Account(ROW, now)
    account.roll(int(now))
    account.heard([1, 8, 900, 4, *PLENTY, 0], now)
    return account


def test_what_is_held_is_told_and_what_was_used_is_marked_once() -> None:
    account = leased()
    account.spare_requests -= 1
    account.spare_tokens -= 100
    account.spare_running -= 1
    account.running += 1
    account.count(1, 100)
    ask = account.ask(7, 100.4, 1000, 4)
    assert ask[:3] == [7, 7, [(1100, 1, 100)]]
    assert ask[HAVE] == [7, 800, 4]
    again = account.ask(8, 100.6, 1000, 4)
    assert again[:3] == [8, 7, [(1100, 1, 100)]], "not heard: the same batch"
    account.take_back(100, 0, 60)
    account.heard([1, 0, 0, 0, *PLENTY, 0], 100.6)
    assert account.ask(9, 100.8, 1000, 4)[:3] == [9, 9, [(1100, 0, -60)]]


def test_what_was_used_since_an_unheard_batch_is_told_as_held() -> None:
    account = leased()
    account.ask(1, 100.0, 0, 1)
    account.count(1, 50)
    account.ask(2, 100.1, 0, 1)  # its answer never comes
    account.count(2, 70)
    assert account.ask(3, 100.2, 0, 1)[HAVE] == [8 + 2, 900 + 70, 4]


def test_a_lease_that_ran_out_is_not_used_any_more() -> None:
    account = leased()
    account.used_at = 100.0 + LEASE_S
    assert account.ask(1, 100.0 + LEASE_S, 0, 1)[HAVE] == [0, 0, 0]
    assert not account.spare


def test_what_nobody_uses_or_others_lack_is_given_back() -> None:
    idle = leased()
    idle.good_until = 1000.0
    ask = idle.ask(1, 100.0 + IDLE_S, 0, 1)
    assert (ask[HAVE], ask[WANT]) == ([0, 0, 0], [0, 0, 0])
    short = leased()
    short.ask(1, 100.0, 0, 1)
    short.heard([1, 0, 0, 0, 3, 0, 0, 0], 100.0)
    assert short.is_due(100.25, 1)
    assert short.ask(2, 100.25, 0, 1)[HAVE] == [0, 0, 0]


def test_waiting_requests_ask_for_what_is_lacking_together() -> None:
    account = leased()
    account.need = Need()
    for tokens in (600, 500):
        account.need.add(ROW, tokens // 10, tokens)
    ask = account.ask(1, 100.0, 0, 1)
    assert ask[LEAST] == [0, 200, 0]
    assert ask[15] == 50, "the least that helps one of them"
    assert account.need is None


def test_what_was_taken_alone_meanwhile_is_not_granted_on_top() -> None:
    """Who could not wait for the answer took of our own share: with it, no more than was granted."""
    account = Account(ROW, 100.0)
    account.roll(100)
    account.ask(1, 100.0, 0, 1)
    for _ in range(2):
        account.take_alone(50)
    account.heard([1, 10, 500, 3, *PLENTY, 0], 100.0)
    held = (account.spare_requests, account.spare_tokens, account.spare_running)
    assert held == (10 - 2, 500 - 100, 3 - 2)
    assert account.ask(2, 100.1, 0, 1)[HAVE][2] == 3


def test_what_is_leased_goes_first_where_we_are_alone() -> None:
    account = leased()
    account.take_alone(100)
    assert account.ask(1, 100.1, 0, 1)[HAVE] == [7, 800, 4]


def test_a_stale_answer_changes_nothing() -> None:
    account = leased()
    account.heard([0, 5, 5, 5, 0, 0, 0, 0], 200.0)
    assert (account.spare_requests, account.left) == (8, PLENTY)
    assert account.good_until == 100.0 + LEASE_S
