"""Conversations come back to where their prompts are cached. In virtual time."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Coroutine
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from opengateway.domain.catalog import Profile
from opengateway.domain.chat import ChatFacts, ChatRequest, ProviderPreferences
from opengateway.domain.usage import Dimension, PriceRow, Usage
from opengateway.gateway.routing import stickiness
from opengateway.gateway.routing.conversation import Conversation
from opengateway.gateway.routing.explain import routing_note
from opengateway.gateway.routing.stickiness import Stickiness, lifetime_s
from opengateway.infra.pins.memory import MemoryPinStore
from unit.gateway.fakes import PRINCIPAL, Script, chat, endpoint, model, ok
from unit.gateway.routing.houses import House, always, until
from unit.gateway.routing.places import Desk, place, with_credentials
from virtual_time import run_virtually

USD = 10**9
COLD = ok("text:hello", "cached:5000,0,10", "finish:stop", "done")
WARM = ok("text:hello", "cached:1000,4000,10", "finish:stop", "done")
BUSY = Script(status=500)


def priced(name: str, read_usd: float | None = 0.1, input_usd: float = 1.0) -> Any:
    rates = {Dimension.INPUT: int(input_usd * USD), Dimension.OUTPUT: 2 * USD}
    if read_usd is not None:
        rates[Dimension.CACHE_READ] = int(read_usd * USD)
    row = PriceRow(f"{name}@2026-11-01#test", "2026-11-01", "test", rates)
    return replace(endpoint(name, context=1_000_000), price=row)


def house_of(*endpoints: Any, **behaviours: Any) -> House:
    return House(model("lab/m", *endpoints), **behaviours)


def turn(session: str | None = "s", **more: Any) -> ChatRequest:
    messages = [{"role": "user", "content": "a long question " * 200}]
    fields = {"messages": msgspec.Raw(msgspec.json.encode(messages))}
    return replace(chat(), session_id=session, input_bytes=20_000, fields=fields, **more)


def run(story: Coroutine[Any, Any, None]) -> None:
    run_virtually(story)


def test_a_named_conversation_comes_back_from_its_first_answer_on() -> None:
    async def story() -> None:
        house = house_of(*map(priced, "abc"), a=always(COLD), b=always(COLD), c=always(COLD))
        for session in ("s", "t", "u", "v"):
            first = await house.ask(turn(session))
            assert first.route.sticky == "miss"
            for _ in range(8):
                done = await house.ask(turn(session))
                assert (done.path, done.whys) == (first.path, ["sticky"])
                assert done.route.sticky == "hit"

    run(story())


def test_without_a_name_it_comes_back_only_once_caching_was_seen() -> None:
    async def story() -> None:
        house = house_of(*map(priced, "abc"), a=always(COLD), b=always(COLD), c=always(WARM))
        seen: list[str] = []
        for _ in range(40):
            seen += (await house.ask(turn(None))).path
        first = seen.index("c")
        assert len(set(seen[: first + 1])) > 1, "until then its load is shared"
        assert set(seen[first:]) == {"c"}

    run(story())


def test_a_failure_breaks_it_within_the_request_and_it_does_not_flap_back() -> None:
    async def story() -> None:
        house = house_of(*map(priced, "ab"), a=always(COLD), b=always(COLD))
        home = (await house.ask(turn())).path[0]
        other = "b" if home == "a" else "a"
        house.providers.behaviours[home] = always(BUSY)
        done = await house.ask(turn())
        assert (done.error, done.path[-1], done.route.sticky) == (None, other, "moved")
        house.providers.behaviours[home] = always(COLD)
        for _ in range(5):
            done = await house.ask(turn())
            assert (done.path, done.route.sticky) == ([other], "hit")
        assert house.router.stickiness.moved == 1

    run(story())


def test_it_lasts_as_long_as_the_provider_s_cache_from_the_last_turn_on() -> None:
    async def story() -> None:
        house = house_of(*map(priced, "ab"), a=always(COLD), b=always(COLD))
        await house.ask(turn())
        for _ in range(4):
            await asyncio.sleep(290)
            assert (await house.ask(turn())).route.sticky == "hit"
        await asyncio.sleep(301)
        assert (await house.ask(turn())).route.sticky == "miss"
        hour = ChatFacts(cache_lifetimes=frozenset(("1h",)))
        await house.ask(turn(facts=hour))
        await asyncio.sleep(3500)
        assert (await house.ask(turn())).route.sticky == "hit"

    run(story())


@pytest.mark.parametrize(
    ("endpoints", "wishes"),
    [
        ([priced("a", None), priced("b", None)], ProviderPreferences()),
        ([priced("a"), priced("b")], ProviderPreferences(order=("a",))),
        ([priced("a")], ProviderPreferences()),
    ],
    ids=["reading is not cheaper", "the caller says the order", "there is no other place"],
)
def test_where_it_is_worth_nothing_there_is_none(
    endpoints: list[Any], wishes: ProviderPreferences
) -> None:
    async def story() -> None:
        house = house_of(*endpoints, a=always(COLD), b=always(COLD))
        for _ in range(3):
            done = await house.ask(turn(), preferences=wishes)
            assert done.route.sticky == ""
        assert len(house.router.stickiness) == 0

    run(story())


def test_a_warm_cache_is_left_where_the_other_place_is_cheaper_all_the_same() -> None:
    def first(dear: float) -> str:
        desk = Desk(
            place("cheap", input_usd=1, output_usd=2), place("dear", input_usd=dear, output_usd=2)
        )
        spots = desk.router.bound(desk.plan).groups[0].spots
        for spot in spots:
            spot.price_read = spot.price_in // 2
        return desk.first(sticky=desk.candidate("dear"))

    assert first(1.5) == "dear"
    assert first(4.0) == "cheap"


def test_a_warm_cache_is_left_where_it_answers_much_later() -> None:
    desk = Desk(place("quick"), place("slow"))
    for spot in desk.router.bound(desk.plan).groups[0].spots:
        spot.price_read = 0
    desk.measured("quick", 0.3)
    desk.measured("slow", 1.5)
    assert desk.first(sticky=desk.candidate("slow")) == "slow"
    desk.measured("slow", 9.0)
    assert desk.first(sticky=desk.candidate("slow")) == "quick"


def test_credentials_of_one_account_share_a_cache_and_others_do_not() -> None:
    async def story() -> None:
        house = house_of(priced("a"), a=always(COLD))
        names = ("one", "two", "other")
        shot = with_credentials(house.world.snapshot, a=names)
        shared = replace(shot.providers["a"], cache_domains={"one": "org", "two": "org"})
        house.world.snapshot = replace(shot, providers={"a": shared})
        homes: dict[str, set[str]] = {}
        for session in "stuvwxyz" * 8:
            done = await house.ask(turn(session))
            homes.setdefault(session, set()).add(done.attempts[-1].credential)
        assert all(home == {"other"} or home <= {"one", "two"} for home in homes.values())
        assert {"one", "two"} in homes.values(), "both are used"

    run(story())


class TestReplicas:
    """Servers of one's own, each with a cache of its own."""

    def house(self, **behaviours: Any) -> House:
        house = house_of(*(priced(n, None) for n in "abcd"), **behaviours)
        shot = house.world.snapshot
        kept = Profile(cache_scope="replica")
        providers = {name: replace(p, profile=kept) for name, p in shot.providers.items()}
        house.world.snapshot = replace(shot, providers=providers)
        return house

    def test_what_begins_alike_goes_to_the_same_one_also_in_another_gateway(self) -> None:
        async def story() -> None:
            homes = []
            for _ in range(2):
                house = self.house(**{name: always(COLD) for name in "abcd"})
                homes.append([(await house.ask(turn(f"s{n}"))).path[0] for n in range(40)])
            assert homes[0] == homes[1]
            assert len(set(homes[0])) == 4, "and they are spread"

        run(story())

    def test_one_that_is_gone_takes_only_its_own_with_it(self) -> None:
        async def story() -> None:
            well = self.house(**{name: always(COLD) for name in "abcd"})
            before = [(await well.ask(turn(f"s{n}"))).path[0] for n in range(40)]
            ill = self.house(a=always(BUSY), **{name: always(COLD) for name in "bcd"})
            after = [(await ill.ask(turn(f"s{n}"))).path[-1] for n in range(40)]
            assert all(new == old for old, new in zip(before, after, strict=True) if old != "a")

        run(story())

    def test_a_flood_of_one_beginning_is_shared_out(self) -> None:
        async def story() -> None:
            house = self.house(**{name: always(COLD) for name in "abcd"})
            await asyncio.gather(*(house.ask(turn()) for _ in range(40)))
            calls = [name for _, name in house.providers.asked]
            assert max(calls.count(name) for name in "abcd") <= 16

        run(story())


class TestOfSeveralGateways:
    def test_a_conversation_is_found_by_the_others_and_asked_for_once(self) -> None:
        async def story() -> None:
            board: dict[bytes, tuple[float, bytes]] = {}
            houses = []
            for seed in (1, 2, 3):
                lab = model("lab/m", *map(priced, "abc"))
                house = House(lab, seed=seed, **{n: always(COLD) for n in "abc"})
                house.router.pins = MemoryPinStore(house.clock, board)
                houses.append(house)
            home = (await houses[0].ask(turn())).path
            await houses[0].router.pins.keep(houses[0].router.stickiness.told(1000.0))
            for house in houses[1:]:
                assert house.router.route(
                    turn(), PRINCIPAL, houses[0].done[0].route.plan
                ).is_unknown
                done = await house.ask(turn())
                assert (done.path, done.route.sticky) == (home, "hit")
                again = house.router.route(turn(), PRINCIPAL, done.route.plan)
                assert not again.is_unknown

        run(story())

    @pytest.mark.parametrize("note", [b"", b"\xc1", msgspec.msgpack.encode([1, 2, 3, 4])])
    def test_what_cannot_be_read_is_no_pin(self, note: bytes) -> None:
        assert Stickiness().hear(b"d", note, 0.0) is None


def test_it_is_bounded_in_number_and_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stickiness, "PINS", 2_000)
    table = Stickiness()
    desk = Desk(priced("a"), priced("b"))
    spot = desk.router.bound(desk.plan).groups[0].spots[0]
    usage = Usage({Dimension.INPUT: 100})
    tracemalloc.start()
    for number in range(10_000):
        name = Conversation(number.to_bytes(16, "big"), "session_id")
        table.served(turn(), name, spot, usage, float(number) / 100)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(table) == 2_000
    assert size / len(table) < 600, "65,536 of them are less than 40 MB"
    assert table.find((9_999).to_bytes(16, "big"), 101.0) is not None
    assert table.find((7_000).to_bytes(16, "big"), 101.0) is None, "the oldest made place"


def test_the_lifetime_is_what_was_asked_for_and_at_least_the_provider_s() -> None:
    desk = Desk(priced("a"), priced("b"))
    spot = desk.router.bound(desk.plan).groups[0].spots[0]
    assert lifetime_s(turn(), spot) == 300
    assert lifetime_s(turn(facts=ChatFacts(cache_lifetimes=frozenset(("5m", "1h")))), spot) == 3600
    day = turn()
    day.fields["prompt_cache_retention"] = msgspec.Raw(b'"24h"')
    assert lifetime_s(day, spot) == 86_400


def test_debug_routing_says_what_it_was_known_by_and_what_it_saves() -> None:
    async def story() -> None:
        house = house_of(*map(priced, "ab"), a=always(COLD), b=always(COLD))
        await house.ask(turn())
        done = await house.ask(turn())
        note = routing_note(done.route, done.attempts, zone="test", deadline_left_s=1.0)
        assert note["sticky"] == {
            "result": "hit",
            "key_source": "session_id",
            "cached_tokens": 5000,
            "expected_saving_usd": "0.0045",
        }

    run(story())


def test_an_outage_does_not_keep_it_from_being_served() -> None:
    async def story() -> None:
        house = house_of(*map(priced, "ab"), a=until(30, BUSY, COLD), b=until(30, BUSY, COLD))
        await house.ask(turn())
        await asyncio.sleep(60)
        assert (await house.ask(turn())).error is None

    run(story())
