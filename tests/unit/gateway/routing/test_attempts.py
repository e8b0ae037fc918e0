"""Attempts over a route: what is tried, how often, and what ran out. In virtual time."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from opengateway.domain.catalog import Model
from opengateway.domain.chat import ProviderPreferences
from opengateway.domain.errors import ErrorClass, GatewayError, NotFound, UpstreamError
from opengateway.domain.routing_rules import Routing
from opengateway.gateway.routing.health import Standing
from unit.gateway.fakes import Script, chat, endpoint, model
from unit.gateway.routing.houses import HELLO, House, always, until
from virtual_time import run_virtually

DOWN = Script(fail=UpstreamError(ErrorClass.CONNECT, "refused"))
BUSY = Script(status=500)
HANG = Script(hang=True)


def limited(seconds: int | None = None) -> Script:
    return Script(status=429, headers={} if seconds is None else {"retry-after": str(seconds)})


def places(names: str, **more: int) -> Model:
    return model("lab/m", *(endpoint(name, **more) for name in names))


def test_a_last_endpoint_gets_one_more_chance_in_place() -> None:
    async def story() -> None:
        tries = iter((BUSY, HELLO))
        house = House(places("a"), a=lambda _: next(tries))
        done = await house.ask()
        assert (done.error, done.path, done.whys) == (None, ["a", "a"], ["order", "retry"])
        assert done.took_s <= 0.2 + 0.2 + 0.05, "a little jitter, no more"

    run_virtually(story())


def test_with_somewhere_else_to_go_nobody_tries_again_in_place() -> None:
    async def story() -> None:
        house = House(places("ab"), a=always(BUSY), b=always(HELLO))
        for _ in range(10):
            done = await house.ask()
            assert done.path in (["b"], ["a", "b"])

    run_virtually(story())


def test_the_place_of_the_conversation_s_cache_is_worth_a_second_try() -> None:
    async def story() -> None:
        tries = iter((BUSY, HELLO))
        house = House(places("ab"), a=lambda _: next(tries), b=always(HELLO))
        candidate = house.world.snapshot
        from opengateway.gateway.resolve import plan_chat
        from unit.gateway.fakes import PRINCIPAL

        mine = plan_chat(chat(stream=True), PRINCIPAL, candidate).candidates[0]
        done = await house.ask(sticky=mine)
        assert (done.path, done.whys) == (["a", "a"], ["sticky", "retry"])

    run_virtually(story())


def test_a_refused_credential_is_not_asked_again_and_its_fellow_is() -> None:
    async def story() -> None:
        house = House(places("a"), a=always(Script(status=401)))
        shot = house.world.snapshot
        provider = replace(shot.providers["a"], credentials=("main", "spare"))
        house.world.snapshot = replace(shot, providers={"a": provider})
        done = await house.ask()
        assert [a.credential for a in done.attempts] in (["main", "spare"], ["spare", "main"])
        assert done.error is not None
        assert done.error.message.endswith("no other endpoint was left to try")

    run_virtually(story())


def test_a_provider_that_is_away_is_not_tried_with_each_credential_first() -> None:
    async def story() -> None:
        house = House(model("lab/m", endpoint("a"), endpoint("b")), a=always(DOWN), b=always(HELLO))
        shot = house.world.snapshot
        provider = replace(shot.providers["a"], credentials=("one", "two", "three"))
        house.world.snapshot = replace(shot, providers={**shot.providers, "a": provider})
        for _ in range(10):
            done = await house.ask()
            assert done.error is None
            assert len(done.path) <= 2

    run_virtually(story())


def test_a_first_token_that_does_not_come_leads_elsewhere_within_the_deadline() -> None:
    async def story() -> None:
        routing = Routing(first_token_stream_s=5.0, deadline_s=30.0)
        house = House(places("ab"), routing=routing, a=always(HANG), b=always(HELLO))
        for _ in range(6):
            done = await house.ask()
            assert done.error is None
            assert done.took_s <= 5.5

    run_virtually(story())


def test_fallback_models_come_after_the_model_s_own_endpoints() -> None:
    async def story() -> None:
        other = model("lab/other", endpoint("c"))
        house = House(places("ab"), other, a=always(BUSY), b=always(BUSY), c=always(HELLO))
        done = await house.ask(chat(stream=True, fallbacks=("lab/other",)))
        assert done.error is None
        assert (sorted(done.path[:2]), done.path[2]) == (["a", "b"], "c")
        assert done.whys == ["order", "failover", "fallback"]

    run_virtually(story())


@pytest.mark.parametrize(
    ("routing", "names", "script", "words", "code"),
    [
        (Routing(max_attempts=2), "abc", BUSY, "the attempts that one request may make", None),
        (Routing(), "ab", BUSY, "no other endpoint was left to try", None),
        (
            Routing(first_token_stream_s=4.0, deadline_s=4.005),
            "ab",
            HANG,
            "deadline left no time",
            ErrorClass.TIMEOUT_DEADLINE,
        ),
    ],
)
def test_the_error_says_what_ran_out(
    routing: Routing, names: str, script: Script, words: str, code: ErrorClass | None
) -> None:
    async def story() -> GatewayError | None:
        house = House(places(names), routing=routing, **{name: always(script) for name in names})
        return (await house.ask()).error

    error = run_virtually(story())
    assert isinstance(error, UpstreamError)
    assert words in error.message
    assert code is None or error.error_class is code


def test_no_fallbacks_means_one_endpoint_and_not_the_one_that_is_out() -> None:
    async def story() -> None:
        wishes = ProviderPreferences(allow_fallbacks=False)
        house = House(places("ab"), a=always(BUSY), b=always(HELLO))
        for _ in range(30):
            done = await house.ask(preferences=wishes)
            assert len(set(done.path)) == 1
        assert house.done[-1].path == ["b"], "the one that is well"

    run_virtually(story())


class TestWhenAllAreLimited:
    def test_a_short_rest_is_waited_for(self) -> None:
        async def story() -> None:
            house = House(places("a"), a=until(1.0, limited(1)))
            first = await house.ask()
            assert first.error is not None
            done = await house.ask()
            assert done.error is None
            assert 0.5 < done.took_s < 2.0
            assert house.providers.asked[-1][0] >= 1.0, "not before it was told"

        run_virtually(story())

    def test_with_nobody_else_one_is_asked_before_a_long_rest_is_over(self) -> None:
        async def story() -> None:
            house = House(places("ab"), a=always(limited(60)), b=always(limited(30)))
            first = await house.ask()
            assert sorted(first.path) == ["a", "b"], "each once"
            assert isinstance(first.error, UpstreamError)
            assert first.error.retry_after_s == pytest.approx(30, abs=1)
            await asyncio.sleep(10)
            for _ in range(50):
                done = await house.ask()
                assert (len(done.path), done.whys) == (1, ["last_resort"]), "one of them, once"
                assert isinstance(done.error, UpstreamError)
                assert done.error.error_class is ErrorClass.RATE_LIMITED

        run_virtually(story())

    def test_a_single_endpoint_that_refused_one_request_serves_the_next(self) -> None:
        """Whoever told us to wait meant that request: the others are not refused for it."""

        async def story() -> None:
            refused = iter((limited(60),))
            house = House(places("a"), a=lambda _: next(refused, HELLO))
            assert (await house.ask()).error is not None
            for why in ("last_resort", "order"):
                done = await house.ask()
                assert (done.error, done.whys) == (None, [why])
                assert done.took_s < 0.5

        run_virtually(story())

    def test_who_rests_is_not_asked_while_another_is_well(self) -> None:
        async def story() -> None:
            house = House(places("ab"), a=always(limited(60)), b=always(HELLO))
            await house.load(10, 20)
            assert [who for _, who in house.providers.asked].count("a") == 1

        run_virtually(story())

    def test_a_fallback_model_is_better_than_waiting(self) -> None:
        async def story() -> None:
            other = model("lab/other", endpoint("c"))
            house = House(places("a"), other, a=always(limited(2)), c=always(HELLO))
            for _ in range(3):
                done = await house.ask(chat(stream=True, fallbacks=("lab/other",)))
                assert done.error is None
                assert done.took_s < 0.5

        run_virtually(story())


def test_a_rest_beyond_the_deadline_is_not_waited_for() -> None:
    async def story() -> None:
        house = House(places("a"), routing=Routing(deadline_s=0.5), a=always(limited(2)))
        await house.ask()
        done = await house.ask()
        assert done.took_s <= 0.05
        assert done.whys == ["last_resort"]

    run_virtually(story())


def test_without_budget_there_is_no_second_attempt() -> None:
    async def story() -> None:
        house = House(places("ab"), a=always(BUSY), b=always(BUSY))
        while house.router.budget.take(house.clock.monotonic()):
            pass
        await house.ask()  # what a request pays in may make one more
        done = await house.ask()
        assert len(done.path) == 1
        assert isinstance(done.error, UpstreamError)
        assert "budget" in done.error.message
        await asyncio.sleep(11)
        assert len((await house.ask()).path) > 1

    run_virtually(story())


def test_all_members_must_be_understood_also_where_that_shows_late() -> None:
    async def story() -> GatewayError | None:
        house = House(places("a"), a=always(HELLO))

        class Dropping(type(house.services.wires["openai"])):  # type: ignore[misc]
            def request(self, *args: object):  # type: ignore[no-untyped-def]
                return replace(super().request(*args), dropped=("top_k",))

        house.services.wires["openai"] = Dropping()  # type: ignore[index]
        assert (await house.ask()).error is None
        done = await house.ask(preferences=ProviderPreferences(require_parameters=True))
        assert done.path == []
        return done.error

    error = run_virtually(story())
    assert isinstance(error, NotFound)
    assert (error.code, "top_k" in error.message) == ("constraint_filtered", True)


def test_an_adaptive_limit_holds_callers_back_and_lets_them_through_as_it_can() -> None:
    async def story() -> None:
        house = House(places("a"), a=until(0.1, limited(0)))
        await asyncio.gather(*(house.ask() for _ in range(10)))
        cell = next(iter(house.router.health.cells.values()))
        assert cell.limit.limit <= 7
        await asyncio.sleep(3)
        done = await asyncio.gather(*(house.ask() for _ in range(30)))
        assert [d.error for d in done] == [None] * 30
        most = max(
            sum(1 for _, began, ended in house.providers.ended if began <= at < ended)
            for at, _ in house.providers.asked[-30:]
        )
        assert most <= 12
        assert cell.limit.in_flight == 0
        assert cell.waiting == 0

    run_virtually(story())


def test_a_place_is_given_back_whatever_happens() -> None:
    async def story() -> None:
        house = House(places("ab"), a=always(HANG), b=always(BUSY), routing=Routing(deadline_s=3.0))
        await asyncio.gather(*(house.ask() for _ in range(20)))
        for cell in house.router.health.cells.values():
            assert cell.limit.in_flight == 0
            assert cell.credential_limit.in_flight == 0
            assert cell.waiting == 0

    run_virtually(story())


def test_a_stream_that_broke_after_content_counts_half() -> None:
    from opengateway.domain.chat import Meter
    from opengateway.domain.records import Ending

    async def story() -> None:
        house = House(places("a"), a=always(HELLO))
        done = await house.ask()
        cell = next(iter(house.router.health.cells.values()))
        good = cell.good
        route = house.router.route(chat(stream=True), done.route._principal, done.route.plan)
        found = route.next()
        assert found is not None
        await route.enter(*found, 10.0)
        route.answered({})
        done.attempts[-1].error_class = "truncated"
        route.close(Ending.UPSTREAM_BROKE, Meter(), done.attempts)
        route.close(Ending.UPSTREAM_BROKE, Meter(), done.attempts)
        assert (cell.good, cell.bad) == (pytest.approx(good + 1, abs=0.1), 0.5)
        assert cell.standing(house.clock.monotonic()) is Standing.WELL

    run_virtually(story())
