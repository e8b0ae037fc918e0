"""What holds of routing for whatever endpoints, failures and wishes; hours of them in virtual time."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from opengateway.domain.catalog import Endpoint, Provider
from opengateway.domain.chat import ProviderPreferences, SortBy
from opengateway.domain.errors import CallerError, ErrorClass, UpstreamError
from opengateway.domain.routing import narrowed
from opengateway.domain.routing_rules import MaxPrice, Routing, RoutingPolicy
from opengateway.gateway.resolve import plan_chat
from opengateway.gateway.routing.budget import PER_SECOND, SHARE, WINDOW_S, RetryBudget
from opengateway.gateway.routing.filters import Asker, excluded
from opengateway.gateway.routing.health import Standing
from unit.gateway.fakes import PRINCIPAL, Script, chat, endpoint, model, snapshot
from unit.gateway.routing.houses import HELLO, House, always, until
from unit.gateway.routing.places import Desk, asking, place
from virtual_time import run_virtually

NAMES = "abcdef"
CLASSES = list(ErrorClass)
FATAL = {ErrorClass.AUTH, ErrorClass.QUOTA, ErrorClass.MODEL_GONE, ErrorClass.BAD_REQUEST}
SLUGS = st.sampled_from([*NAMES, "a/eu", "b/us", "zz"])
EVENTS = st.tuples(
    st.sampled_from(NAMES),
    st.one_of(st.none(), st.sampled_from(CLASSES)),
    st.one_of(st.none(), st.floats(0, 1000)),
    st.floats(0, 30),
)


def lists(most: int = 3) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(SLUGS, max_size=most).map(tuple)


@st.composite
def wishes(draw: st.DrawFn) -> ProviderPreferences:
    order = draw(lists())
    return ProviderPreferences(
        order=order,
        only=draw(lists()),
        ignore=draw(lists()),
        allow_fallbacks=draw(st.booleans()),
        deny_data_collection=draw(st.booleans()),
        zdr=draw(st.booleans()),
        sort=None if order else draw(st.sampled_from([None, *SortBy])),
        sort_across_models=draw(st.booleans()),
        max_price=draw(st.sampled_from([None, MaxPrice(prompt=3 * 10**9)])),
    )


@st.composite
def policies(draw: st.DrawFn) -> RoutingPolicy:
    return RoutingPolicy(
        only=draw(lists()),
        ignore=draw(lists()),
        countries=draw(st.sampled_from([(), ("KR",), ("KR", "DE")])),
        deny_data_collection=draw(st.booleans()),
        zdr=draw(st.booleans()),
        max_price=draw(st.sampled_from([None, MaxPrice(prompt=2 * 10**9)])),
    )


def desk_of(count: int, preferences: ProviderPreferences, seed: int) -> Desk:
    places = (place(name, input_usd=1 + at) for at, name in enumerate(NAMES[:count]))
    return Desk(*places, preferences=preferences, seed=seed)


@settings(max_examples=150, deadline=None)
@given(
    count=st.integers(1, 6),
    events=st.lists(EVENTS, max_size=60),
    sort=st.sampled_from([None, *SortBy]),
    seed=st.integers(0, 1000),
    sticky=st.booleans(),
)
def test_the_order_is_a_permutation_and_the_last_endpoint_is_never_ejected(
    count: int,
    events: list[tuple[str, ErrorClass | None, float | None, float]],
    sort: SortBy | None,
    seed: int,
    sticky: bool,
) -> None:
    desk = desk_of(count, ProviderPreferences(sort=sort), seed)
    everybody = sorted(NAMES[:count])
    for name, error_class, retry_after_s, pause_s in events:
        if name not in everybody:
            continue
        now = desk.clock.monotonic()
        if error_class is None:
            desk.measured(name, 0.1 + pause_s / 30, times=1)
        else:
            desk.router.health.failed(
                desk.cell(name), error_class, now, retry_after_s=retry_after_s
            )
        desk.clock.advance(pause_s)
        mine = desk.candidate(name) if sticky else None
        found = desk.router.order(desk.plan, sticky=mine)
        assert sorted(s.candidate.provider.id for s in found.spots) == everybody
        # Whoever did not tell us to wait can still be reached, if only as the last resort.
        route = desk.router.route(desk.chat, PRINCIPAL, desk.plan)
        reached = set()
        while (step := route.next()) is not None:
            reached.add(step[0].candidate.provider.id)
        at = desk.clock.monotonic()
        resting = {n for n in everybody if desk.cell(n).standing(at) is Standing.RESTING}
        assert reached == set(everybody) - resting


@settings(max_examples=150, deadline=None)
@given(
    zone=policies(),
    team=st.one_of(st.none(), policies()),
    wanted=wishes(),
    countries=st.lists(st.sampled_from(["KR", "DE", "US", ""]), min_size=6, max_size=6),
    kind=st.lists(st.booleans(), min_size=12, max_size=12),
)
def test_nothing_leaves_the_zone_for_any_policy_and_any_fallback(
    zone: RoutingPolicy,
    team: RoutingPolicy | None,
    wanted: ProviderPreferences,
    countries: list[str],
    kind: list[bool],
) -> None:
    models = [model("lab/m", *(place(n, input_usd=2) for n in "abc"))]
    models.append(model("lab/n", *(place(n) for n in "def")))
    shot = snapshot(*models)
    providers = {
        name: replace(
            shot.providers[name],
            country=countries[at],
            collects_data=kind[at],
            zdr=kind[at + 6],
        )
        for at, name in enumerate(NAMES)
    }
    shot = replace(
        shot,
        providers=providers,
        routing=replace(shot.routing, policy=zone),
        team_policies={} if team is None else {"team_1": team},
    )
    request = asking(wanted, fallbacks=("lab/n",))
    ceilings = [zone] if team is None else [zone, team]
    try:
        candidates = plan_chat(request, PRINCIPAL, shot).candidates
    except CallerError:
        candidates = ()
    merged, narrow = narrowed(ceilings, wanted)
    for candidate in candidates:
        provider, place_ = candidate.provider, candidate.endpoint
        for ceiling in (*ceilings, merged):
            assert not ceiling.countries or provider.country in ceiling.countries
            assert not ceiling.only or named(ceiling.only, place_)
            assert not named(ceiling.ignore, place_)
            assert provider.zdr or not ceiling.zdr
            assert not provider.collects_data or not ceiling.deny_data_collection
    # Filter after filter comes to the same as one merged ceiling.
    both = replace(shot, routing=replace(shot.routing, policy=merged), team_policies={})
    for one in models:
        for candidate_ in one.endpoints:
            pair: tuple[Endpoint, Provider] = candidate_, providers[candidate_.provider_id]
            apart = excluded(Asker(request, PRINCIPAL, shot), one, pair)
            together = excluded(
                Asker(replace(request, preferences=narrow), PRINCIPAL, both), one, pair
            )
            assert (apart is None) == (together is None)


def named(slugs: tuple[str, ...], where: Endpoint) -> bool:
    return any(s == where.provider_id or s == f"{where.provider_id}/{where.region}" for s in slugs)


@settings(max_examples=60, deadline=None)
@given(a=policies(), b=policies(), wanted=wishes())
def test_merging_ceilings_is_the_same_in_any_order_and_widens_nothing(
    a: RoutingPolicy, b: RoutingPolicy, wanted: ProviderPreferences
) -> None:
    one, other = narrowed((a, b), wanted)[0], narrowed((b, a), wanted)[0]
    for name in RoutingPolicy.__struct_fields__:
        left, right = getattr(one, name), getattr(other, name)
        assert sorted(left) == sorted(right) if isinstance(left, tuple) else left == right
    again = narrowed((a, b), wanted)[1]
    assert set(wanted.ignore) <= set(again.ignore)
    assert again.zdr >= wanted.zdr
    assert again.deny_data_collection >= wanted.deny_data_collection


@settings(max_examples=60, deadline=None)
@given(gaps=st.lists(st.floats(0, 1.0), max_size=400), tries=st.integers(1, 5))
def test_wire_amplification_is_bounded_by_the_budget(gaps: list[float], tries: int) -> None:
    budget, now = RetryBudget(), 1000.0
    requests: list[float] = []
    retries: list[float] = []
    for gap in gaps:
        now += gap
        budget.request(now)
        requests.append(now)
        for _ in range(tries):
            if budget.take(now):
                retries.append(now)
    for at in retries:
        window = int(at) - WINDOW_S
        made = sum(1 for t in retries if window < int(t) and t <= at)
        came = sum(1 for t in requests if window < int(t) and t <= at)
        assert made <= SHARE * came + PER_SECOND * WINDOW_S + 1


def script(error_class: ErrorClass) -> Script:
    if error_class is ErrorClass.RATE_LIMITED:
        return Script(status=429, headers={"retry-after": "7"})
    if error_class is ErrorClass.TIMEOUT_FIRST_TOKEN:
        return Script(hang=True)
    return Script(fail=UpstreamError(error_class, "scripted"))


@settings(max_examples=40, deadline=None)
@given(
    troubles=st.lists(st.one_of(st.none(), st.sampled_from(CLASSES)), min_size=1, max_size=4),
    heal_s=st.floats(0, 20),
    deadline_s=st.floats(0.3, 8),
    seed=st.integers(0, 100),
)
def test_no_attempt_outlives_the_deadline_and_no_endpoint_is_asked_twice_for_a_fatal_class(
    troubles: list[ErrorClass | None], heal_s: float, deadline_s: float, seed: int
) -> None:
    async def story() -> None:
        names = NAMES[: len(troubles)]
        routing = Routing(first_token_stream_s=2.0, deadline_s=deadline_s)
        behaviours = {
            name: always(HELLO) if trouble is None else until(heal_s, script(trouble))
            for name, trouble in zip(names, troubles, strict=True)
        }
        house = House(
            model("lab/m", *(endpoint(n) for n in names)), routing=routing, seed=seed, **behaviours
        )
        for done in await house.load(4, 10):
            assert done.took_s <= deadline_s + 0.05
            assert len(done.attempts) <= routing.max_attempts
            for one, after in pairwise(done.attempts):
                if one.error_class in {c.value for c in FATAL}:
                    assert one.endpoint_id != after.endpoint_id
            fatal = [a.endpoint_id for a in done.attempts if a.error_class in FATAL]
            assert len(fatal) == len(set(fatal))
            if None in troubles and not set(troubles) & {
                ErrorClass.BAD_REQUEST,
                ErrorClass.CONTENT_FILTER,
                ErrorClass.CONTEXT_EXCEEDED,
                ErrorClass.TOOL_CALL_FAILED,
                ErrorClass.TIMEOUT_DEADLINE,
                ErrorClass.TIMEOUT_FIRST_TOKEN,
            }:
                assert done.error is None, "one endpoint is well: nothing is lost"

    run_virtually(story())


class TestAFaultThatHeals:
    """Three endpoints, 20 requests a second; one or two are faulty for a minute."""

    @pytest.mark.parametrize("faulty", ["a", "ab"])
    @pytest.mark.parametrize(
        "fault",
        [
            Script(fail=UpstreamError(ErrorClass.CONNECT, "refused")),
            Script(status=500),
            Script(status=429),
            Script(status=429, headers={"retry-after": "4"}),
            Script(fail=UpstreamError(ErrorClass.OVERLOADED, "busy")),
            Script(fail=UpstreamError(ErrorClass.MALFORMED, "html")),
            Script(hang=True),
        ],
        ids=["dead", "500", "429", "429 with a time", "529", "malformed", "hangs"],
    )
    def test_nothing_is_lost_and_it_is_back_soon(self, fault: Script, faulty: str) -> None:
        async def story() -> None:
            names = "abc"
            routing = Routing(first_token_stream_s=10.0, deadline_s=60.0)
            house = House(
                model("lab/m", *(endpoint(n) for n in names)),
                routing=routing,
                **{n: until(60.0, fault) if n in faulty else always(HELLO) for n in names},
            )
            done = await house.load(20, 160)
            assert [d.error for d in done if d.error is not None] == []
            calls = sum(len(d.attempts) for d in done)
            assert calls <= 1.2 * len(done), "amplification"
            late = [d.took_s for d in done if 15 <= d.at < 60]
            late.sort()
            assert late[int(len(late) * 0.99)] <= 0.2 + 0.05, "added at p99 after detection"
            for name in faulty:
                first = min(at for at, who in house.providers.asked if who == name and at >= 60)
                assert first <= 75, "its first request"
                share = house.share(name, 120, 160)
                assert share >= 0.2, "its full share"

        run_virtually(story())

    def test_what_flaps_gets_hardly_anything(self) -> None:
        async def story() -> None:
            def flapping(now: float) -> Script:
                return HELLO if int(now / 5) % 2 else Script(status=500)

            house = House(
                model("lab/m", *(endpoint(n) for n in "abc")),
                a=flapping,
                b=always(HELLO),
                c=always(HELLO),
            )
            done = await house.load(20, 180)
            assert [d.error for d in done if d.error is not None] == []
            assert house.share("a", 60, 180) <= 0.02

        run_virtually(story())

    def test_what_fails_three_times_of_ten_goes_behind(self) -> None:
        async def story() -> None:
            calls = iter(range(10**6))

            def unreliable(now: float) -> Script:
                return Script(status=500) if next(calls) % 10 in (1, 4, 7) else HELLO

            house = House(
                model("lab/m", *(endpoint(n) for n in "abc")),
                a=unreliable,
                b=always(HELLO),
                c=always(HELLO),
            )
            done = await house.load(20, 120)
            assert [d.error for d in done if d.error is not None] == []
            assert sum(len(d.attempts) for d in done) <= 1.05 * len(done)

        run_virtually(story())

    def test_a_provider_s_word_to_wait_is_kept(self) -> None:
        async def story() -> None:
            limited = Script(status=429, headers={"retry-after": "30"})
            house = House(
                model("lab/m", endpoint("a"), endpoint("b")),
                a=until(5.0, limited),
                b=always(HELLO),
            )
            await house.load(10, 60)
            first = min(at for at, who in house.providers.asked if who == "a")
            again = [at for at, who in house.providers.asked if who == "a" and at > first + 1.0]
            assert first + 30.0 <= min(again) <= first + 33.0

        run_virtually(story())

    def test_trials_come_one_at_a_time(self) -> None:
        async def story() -> None:
            house = House(
                model("lab/m", endpoint("a"), endpoint("b")),
                routing=Routing(first_token_stream_s=10.0),
                a=until(100.0, Script(hang=True)),
                b=always(HELLO),
            )
            done = await house.load(20, 100)
            first = min(d.at for d in done if "trial" in d.whys)
            calls = sorted((b, e) for n, b, e in house.providers.ended if n == "a" and b >= first)
            assert len(calls) >= 3
            assert all(ended <= began for (_, ended), (began, _) in pairwise(calls))

        run_virtually(story())

    def test_after_a_total_outage_all_is_well_within_seconds_and_no_crowd_comes(self) -> None:
        async def story() -> None:
            dead = Script(fail=UpstreamError(ErrorClass.CONNECT, "refused"))
            house = House(
                model("lab/m", *(endpoint(n) for n in "abc")),
                **{n: until(60.0, dead) for n in "abc"},
            )
            done = await house.load(20, 90)
            out = [d for d in done if 10 <= d.at < 60]
            assert sum(len(d.attempts) for d in out) <= 1.2 * len(out)
            assert max(d.took_s for d in out) < 0.1, "told at once"
            assert all(d.error is None for d in done if d.at >= 65)
            first = [at for at, _ in house.providers.asked if 60 <= at < 61]
            assert len(first) <= 1.5 * 20

        run_virtually(story())

    def test_an_endpoint_alone_is_always_asked(self) -> None:
        async def story() -> None:
            calls = iter(range(10**6))

            def unreliable(now: float) -> Script:
                return HELLO if next(calls) % 5 < 2 else Script(status=500)

            house = House(model("lab/m", endpoint("a")), a=unreliable)
            done = await house.load(5, 60)
            assert all(d.attempts for d in done)
            assert sum(d.error is None for d in done) >= 0.4 * len(done)

        run_virtually(story())


def test_a_slow_endpoint_loses_its_traffic() -> None:
    async def story() -> None:
        house = House(
            model("lab/m", *(endpoint(n) for n in "abc")),
            a=until(20.0, HELLO, Script(chunks=HELLO.chunks, headers=HELLO.headers, delay_s=4.0)),
            b=always(HELLO),
            c=always(HELLO),
        )
        await house.load(20, 60)
        assert house.share("a", 10, 20) > 0.25
        assert house.share("a", 35, 60) <= 0.1

    run_virtually(story())


async def test_virtual_time_is_time() -> None:
    """The helper itself: an hour is an hour, in the order of the loop."""

    def story() -> list[float]:
        async def nap() -> list[float]:
            loop = asyncio.get_running_loop()
            began = loop.time()
            async with asyncio.timeout(10_000):
                await asyncio.sleep(3600)
            return [loop.time() - began]

        return run_virtually(nap())

    assert await asyncio.to_thread(story) == [pytest.approx(3600.0)]
    assert chat().model == "lab/m"
