from __future__ import annotations

import base64
import random

import msgspec
import pytest

from opengateway.dialects.openai_chat import decode
from opengateway.domain.catalog import (
    CredentialOwner,
    Endpoint,
    Profile,
    Provider,
    Wire,
)
from opengateway.domain.chat import ChatRequest, Meter
from opengateway.domain.particulars import TeamPrice
from opengateway.domain.records import Ending
from opengateway.domain.usage import Dimension, PriceRow, PriceTier, Usage
from opengateway.gateway.density import made_share
from opengateway.gateway.pricing import (
    TeamEndpoints,
    affordable_output,
    fee_of,
    hold_amount,
    input_bound,
    output_bound,
    priced_for_team,
    unpriced,
)
from opengateway.gateway.settlement import settle, settle_both
from opengateway.kit.json import dumps
from unit.gateway.fakes import endpoint as plain_endpoint
from unit.gateway.fakes import model, snapshot

INPUT, OUTPUT = 1_000_000, 2_000_000
RATES = {Dimension.INPUT: INPUT, Dimension.OUTPUT: OUTPUT}
MESSAGES = [{"role": "user", "content": "hello"}]


def chat(**members: object) -> ChatRequest:
    return decode(dumps({"model": "lab/m", "messages": MESSAGES, **members}), {})


def parts(*content: object, **members: object) -> ChatRequest:
    return chat(messages=[{"role": "user", "content": list(content)}], **members)


def endpoint(rates: dict[Dimension, int] | None = None, **changes: object) -> Endpoint:
    row = PriceRow("lab@2026-11-01#test", "2026-11-01", "test", rates or RATES)
    found = msgspec.structs.replace(
        plain_endpoint("lab", context=200_000), price=row, max_output=8_000
    )
    return msgspec.structs.replace(found, **changes)


def provider(wire: Wire = Wire.OPENAI, *drop: str) -> Provider:
    return Provider("lab", "Lab", wire, "http://lab.test", Profile(drop=drop))


# --- unpriced kinds --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("members", "word"),
    [
        ({"service_tier": "priority"}, "service tier"),
        ({"service_tier": "flex"}, "service tier"),
        ({"modalities": ["text", "audio"]}, "audio as output"),
        ({"modalities": ["text", "image"]}, "image as output"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"search_parameters": {"mode": "on"}}, "search_parameters"),
        ({"plugins": [{"id": "web"}]}, "plugins"),
        ({"tools": [{"type": "web_search"}]}, "tools that the provider runs"),
        ({"cache_control": {"type": "ephemeral", "ttl": "1h"}}, "cache lifetime"),
        ({"cache_control": {"type": "ephemeral", "ttl": "12h"}}, "cache lifetime"),
    ],
)
def test_what_has_no_price_is_named_before_it_is_sent(
    members: dict[str, object], word: str
) -> None:
    problem = unpriced(chat(**members), endpoint(), provider())
    assert problem is not None
    assert word in problem


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"service_tier": "auto"},
        {"service_tier": "default"},
        {"service_tier": None},
        {"modalities": ["text"]},
        {"web_search_options": None},
        {"enable_search": False},
        {"cache_control": {"type": "ephemeral"}},
        {"cache_control": {"type": "ephemeral", "ttl": "5m"}},
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
    ],
)
def test_what_has_a_price_is_let_through(members: dict[str, object]) -> None:
    assert unpriced(chat(**members), endpoint(), provider()) is None


@pytest.mark.parametrize("ttl", ['"1h"', '"\\u0031h"', '"12h"'])
@pytest.mark.parametrize(
    "body",
    [
        (
            '{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"x",'
            '"cache_control":{"ttl":TTL}}]}]}'
        ),
        '{"model":"m","messages":[{"role":"user","content":"x","cache_control":{"ttl":TTL}}]}',
        (
            '{"model":"m","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function",'
            '"function":{"name":"f"},"cache_control":{"ttl":TTL}}]}'
        ),
        (
            '{"model":"m","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function",'
            '"function":{"name":"f","prompt_cache_breakpoint":{"ttl":TTL}}}]}'
        ),
    ],
)
def test_a_lasting_mark_is_found_wherever_it_stands_and_however_it_is_spelt(
    body: str, ttl: str
) -> None:
    request = decode(body.replace("TTL", ttl).encode(), {})
    assert unpriced(request, endpoint(), provider()) is not None
    priced = endpoint(RATES | {Dimension.CACHE_WRITE_1H: 5})
    assert (unpriced(request, priced, provider()) is None) == ("12h" not in ttl)


def test_sound_needs_a_price_of_its_own() -> None:
    heard = parts({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}})
    assert unpriced(heard, endpoint(), provider()) is not None
    assert unpriced(heard, endpoint(RATES | {Dimension.AUDIO_INPUT: 9}), provider()) is None


def test_what_does_not_go_out_needs_no_price() -> None:
    dear = chat(service_tier="priority", web_search_options={})
    assert unpriced(dear, endpoint(), provider(Wire.ANTHROPIC)) is None
    dropped = provider(Wire.OPENAI, "service_tier", "web_search_options")
    assert unpriced(dear, endpoint(), dropped) is None


def test_an_input_past_the_known_price_is_refused_and_one_with_a_tier_is_not() -> None:
    long = chat(messages=[{"role": "user", "content": "word " * 1000}])
    short = endpoint(unpriced_above=1_000, bytes_per_token=4.0)
    assert unpriced(long, short, provider()) is not None
    assert unpriced(long, endpoint(unpriced_above=10_000), provider()) is None
    assert unpriced(long, endpoint(), provider()) is None


# --- holds -----------------------------------------------------------------------------------------
def text_bytes(request: ChatRequest) -> int:
    return request.input_bytes - request.facts.image_bytes - request.facts.audio_bytes


def test_every_choice_is_held_for() -> None:
    one = hold_amount(chat(max_tokens=100), endpoint())
    four = hold_amount(chat(max_tokens=100, n=4), endpoint())
    best = hold_amount(chat(max_tokens=100, n=2, best_of=5), endpoint())
    assert four - one == pytest.approx(3 * 100 * 2, abs=20)
    assert best - one == pytest.approx(4 * 100 * 2, abs=20)


def test_a_stream_holds_its_first_part_and_a_whole_answer_all() -> None:
    whole = hold_amount(chat(), endpoint())
    streamed = hold_amount(chat(stream=True), endpoint())
    assert whole - streamed == pytest.approx((8_000 - 4_096) * 2, abs=20)


def test_the_dearest_kind_that_the_input_may_turn_out_to_be_is_held() -> None:
    rates = RATES | {Dimension.CACHE_WRITE: 3 * INPUT, Dimension.CACHE_WRITE_1H: 7 * INPUT}
    usual = hold_amount(chat(max_tokens=1), endpoint(rates))
    assert usual == input_bound(chat(max_tokens=1), endpoint()) * 3 + 2
    marked = chat(max_tokens=1, cache_control={"type": "ephemeral", "ttl": "1h"})
    assert hold_amount(marked, endpoint(rates)) == input_bound(marked, endpoint()) * 7 + 2


def test_a_long_input_is_held_at_its_tier() -> None:
    tier = PriceTier(50, {Dimension.INPUT: 10 * INPUT, Dimension.OUTPUT: 20 * OUTPUT})
    tiered = endpoint()
    tiered = msgspec.structs.replace(
        tiered, price=msgspec.structs.replace(tiered.price, tiers=(tier,))
    )
    long = chat(max_tokens=10, messages=[{"role": "user", "content": "x" * 1000}])
    assert hold_amount(long, tiered) == input_bound(long, tiered) * 10 + 10 * 40
    assert hold_amount(chat(max_tokens=10), tiered) == hold_amount(chat(max_tokens=10), endpoint())


def test_a_thinking_budget_that_raises_the_limit_is_held() -> None:
    small = chat(max_tokens=500, reasoning_effort="high")
    assert output_bound(small, endpoint(max_output=64_000), provider(Wire.ANTHROPIC)) == 16_884
    assert output_bound(small, endpoint(max_output=64_000), provider(Wire.OPENAI)) == 500
    told = chat(max_tokens=500, reasoning={"max_tokens": 3_000})
    assert output_bound(told, endpoint(max_output=64_000), provider(Wire.ANTHROPIC)) == 3_500
    roomy = chat(max_tokens=20_000, reasoning_effort="low")
    assert output_bound(roomy, endpoint(max_output=64_000), provider(Wire.ANTHROPIC)) == 20_000


def test_an_image_is_held_by_what_it_may_come_to_not_by_its_bytes() -> None:
    data = base64.b64encode(b"\xff" * 300_000).decode()
    shown = parts({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}})
    linked = parts({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}})
    bare = endpoint(hold_tokens_per_byte=1.0, image_tokens=5_000)
    assert input_bound(shown, bare) == text_bytes(shown) + 5_000
    assert input_bound(linked, bare) == text_bytes(linked) + 5_000
    assert text_bytes(shown) < 200


def test_what_cannot_be_measured_may_fill_the_context() -> None:
    file = parts({"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}})
    assert input_bound(file, endpoint()) == 200_000
    far = parts({"type": "video_url", "video_url": {"url": "https://example.com/v"}})
    assert input_bound(far, endpoint()) == 200_000


def test_a_long_text_of_people_is_held_at_half_of_what_made_text_is() -> None:
    bounded = endpoint(
        hold_tokens_per_byte=1.0, hold_tokens_per_byte_beyond=0.43, context=10_000_000
    )
    written = chat(messages=[{"role": "user", "content": "What people write. " * 20_000}])
    made = chat(
        messages=[
            {
                "role": "user",
                "content": base64.b64encode(random.Random(1).randbytes(285_000)).decode(),
            }
        ]
    )
    assert input_bound(written, bounded) < 0.5 * written.input_bytes
    assert input_bound(made, bounded) > 0.99 * made.input_bytes


def test_a_mixture_is_held_by_its_made_part() -> None:
    chance = random.Random(2)
    words = ("some words that people write, and more of them. " * 2_100).encode()
    noise = base64.b64encode(chance.randbytes(75_000))
    share = made_share(memoryview(words + noise))
    assert 0.4 < share < 0.6


def test_the_affordable_answer_is_affordable_and_no_larger_one_is() -> None:
    at = endpoint(fee_ppm=55_000)
    for available in (50, 500, 5_000, 15_000):
        tokens = affordable_output(chat(), at, available)
        if tokens:
            assert hold_amount(chat(max_tokens=tokens), at) <= available + 20
        if tokens < 8_000:
            assert hold_amount(chat(max_tokens=tokens + 20), at) > available


# --- fees, own credentials, teams --------------------------------------------------------------------
USAGE = Usage({Dimension.INPUT: 1_000, Dimension.OUTPUT: 500})
METER = Meter(usage=USAGE, has_content=True)


def test_price_cost_and_fee_are_three_things() -> None:
    cost = PriceRow(
        "lab@2026-11-01#cost", "2026-11-01", "cost", {d: r // 2 for d, r in RATES.items()}
    )
    sold = endpoint(cost=cost, fee_ppm=55_000)
    found = settle_both(Ending.COMPLETED, chat(), sold, METER)
    assert found.cost.total == 2_000
    assert found.fee == 110
    assert found.charged == 2_110
    assert found.provider_cost == 1_000
    assert found.provider_cost_known
    assert hold_amount(chat(max_tokens=9), sold) == fee_of(
        hold_amount(chat(max_tokens=9), endpoint()), 55_000
    ) + hold_amount(chat(max_tokens=9), endpoint())


def test_a_teams_own_credential_is_charged_the_fee_alone() -> None:
    sold = endpoint(fee_ppm=55_000, own_key_fee_ppm=10_000)
    whole = hold_amount(chat(max_tokens=900), endpoint())
    own = CredentialOwner.TEAM
    assert hold_amount(chat(max_tokens=900), sold, owner=own) == fee_of(whole, 10_000)
    found = settle_both(Ending.COMPLETED, chat(), sold, METER, own)
    assert (found.cost.total, found.fee, found.charged) == (0, 20, 20)
    assert found.provider_cost == 0
    free = endpoint()
    assert hold_amount(chat(), free, owner=own) == 0
    assert settle_both(Ending.COMPLETED, chat(), free, METER, own).charged == 0


def test_a_provider_names_the_credentials_that_are_not_ours() -> None:
    theirs = msgspec.structs.replace(provider(), credential_owners={"own": CredentialOwner.TEAM})
    assert theirs.owner_of("own") is CredentialOwner.TEAM
    assert theirs.owner_of("main") is theirs.owner_of(None) is CredentialOwner.PLATFORM


def test_what_turned_up_without_a_price_is_charged_to_nobody_and_named() -> None:
    usage = Usage({Dimension.INPUT: 1_000, Dimension.CACHE_WRITE_1H: 9})
    found = settle(Ending.COMPLETED, chat(), endpoint(), Meter(usage=usage))
    assert found.cost.total == 1_000
    assert found.unpriced == (Dimension.CACHE_WRITE_1H,)
    assert not found.provider_cost_known


@pytest.mark.parametrize("ending", list(Ending))
def test_what_the_provider_told_is_our_cost_whoever_pays(ending: Ending) -> None:
    found = settle_both(ending, chat(), endpoint(), METER)
    assert (found.provider_cost, found.provider_cost_known) == (2_000, True)
    untold = settle_both(ending, chat(), endpoint(), Meter(characters=8, has_content=True))
    assert not untold.provider_cost_known
    assert bool(untold.provider_cost) == (
        ending in (Ending.COMPLETED, Ending.CLIENT_GONE, Ending.UPSTREAM_BROKE)
    )


def test_an_estimate_does_not_count_an_images_bytes_as_text() -> None:
    data = "A" * 400_000
    shown = parts({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}})
    found = settle(Ending.COMPLETED, shown, endpoint(), Meter(has_content=True))
    assert found.usage.input_tokens < 2_000


def override(pattern: str, **price: object) -> TeamPrice:
    return msgspec.convert(
        {"id": "pov_1", "pattern": pattern, "effective_from": "2026-12-01", **price}, TeamPrice
    )


def test_a_team_pays_its_own_percentage_of_the_cost() -> None:
    cost = PriceRow("lab@2026-11-01#list", "2026-11-01", "list", RATES)
    dear = PriceRow(
        "lab@2026-11-01#list+50", "2026-11-01", "l", {d: 2 * r for d, r in RATES.items()}
    )
    sold = endpoint(price=dear, cost=cost)
    own = priced_for_team((override("lab/*", ppm=-100_000),), "lab/m", sold)
    assert own.price.rates == {Dimension.INPUT: 900_000, Dimension.OUTPUT: 1_800_000}
    assert own.cost == cost
    assert own.price.id == "lab/m@2026-12-01#pov_1+2026-11-01#list"
    assert priced_for_team((override("other/*", ppm=0),), "lab/m", sold) is sold


def test_a_teams_rates_go_before_what_all_pay_kind_by_kind() -> None:
    sold = endpoint(RATES | {Dimension.CACHE_READ: 7})
    own = priced_for_team((override("lab/m", rates={Dimension.INPUT: 5}),), "lab/m", sold)
    assert own.price.rates == {
        Dimension.INPUT: 5,
        Dimension.OUTPUT: OUTPUT,
        Dimension.CACHE_READ: 7,
    }
    assert own.cost == sold.price


def test_a_teams_endpoint_is_found_once_for_each_snapshot() -> None:
    sold = endpoint()
    first = snapshot(model("lab/m", sold))
    first = msgspec.structs.replace(first, team_prices={"team_1": (override("*", ppm=1),)})
    second = msgspec.structs.replace(first, team_prices={"team_1": (override("*", ppm=2),)})
    teams = TeamEndpoints()
    found = teams.of(first, "team_1", "lab/m", sold)
    assert teams.of(first, "team_1", "lab/m", sold) is found
    assert teams.of(first, "team_2", "lab/m", sold) is sold
    renewed = teams.of(second, "team_1", "lab/m", sold)
    assert renewed.price.rates != found.price.rates
