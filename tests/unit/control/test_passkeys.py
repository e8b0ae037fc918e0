from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from authenticator import PRESENT, Device, b64, unb64
from sign_in_desk import Browser, Desk, desk_in

REFUSED = (401, "passkey_refused")
GONE = (400, "challenge_expired")


@pytest.fixture
async def desk(tmp_path: Path, store_url: str) -> AsyncIterator[Desk]:
    async with desk_in(tmp_path, store_url) as made:
        yield made


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_in(tmp_path) as made:
        yield made


async def register(browser: Browser, device: Device, name: str = "Laptop") -> Any:
    told = await browser.done("POST", "/me/passkeys/options")
    payload = {"credential": device.create(told), "name": name}
    return await browser.done("POST", "/me/passkeys", payload)


async def come_in(browser: Browser, device: Device) -> Any:
    told = await browser.done("POST", "/auth/passkeys/options")
    return await browser.done("POST", "/auth/passkeys/sign-in", {"credential": device.get(told)})


async def test_a_passkey_signs_in_alone_and_the_password_asks_for_it(desk: Desk) -> None:
    browser, device = await desk.signed_in(), Device()
    before = browser.session
    made = await register(browser, device)
    assert browser.session != before
    assert len(made["recovery_codes"]) == 10
    again = desk.browser()
    assert (await come_in(again, device))["status"] == "signed_in"
    (row,) = (await again.done("GET", "/me/passkeys"))["data"]
    assert (row["name"], row["used_at_ns"]) == ("Laptop", desk.clock.now_ns())
    methods = {tuple(r["methods"]) for r in (await again.done("GET", "/me/sessions"))["data"]}
    assert ("passkey",) in methods
    asked = await desk.browser().sign_in()
    assert (asked["status"], asked["factors"]) == ("second_factor", ["passkey", "recovery_code"])
    # It serves after the password too, and removing it ends both.
    await again.done("DELETE", f"/me/passkeys/{row['id']}")
    assert (await desk.browser().sign_in())["status"] == "signed_in"
    told = await again.done("POST", "/auth/passkeys/options")
    refused = await again.refused(
        "POST", "/auth/passkeys/sign-in", {"credential": device.get(told)}
    )
    assert refused == REFUSED


async def test_a_stranger_is_told_of_no_passkey(small: Desk) -> None:
    await register(await small.signed_in(), Device())
    told = (await small.browser().done("POST", "/auth/passkeys/options"))["publicKey"]
    assert told["allowCredentials"] == []
    assert told["userVerification"] == "required"
    assert told["rpId"] == "localhost"


async def test_what_a_device_must_not_say_at_registration(small: Desk) -> None:
    browser = await small.signed_in()
    for device in (
        Device(origin="https://evil.example"),
        Device(origin="http://localhost:8081"),
        Device(flags=PRESENT),  # the user was not verified
        Device(rp_id="evil.example"),
    ):
        told = await browser.done("POST", "/me/passkeys/options")
        payload = {"credential": device.create(told)}
        assert await browser.refused("POST", "/me/passkeys", payload) == (400, "passkey_refused")
    assert (await browser.done("GET", "/me/passkeys"))["data"] == []


@pytest.mark.parametrize(
    "bend",
    [
        {"origin": "https://evil.example"},
        {"flags": PRESENT},
        {"flags": 0},
        {"rp_id": "evil.example"},
        {"id": b"another id"},
        {"user": b"usr_somebody_else"},
    ],
)
async def test_what_a_device_must_not_say_at_sign_in(small: Desk, bend: dict[str, Any]) -> None:
    device = Device()
    await register(await small.signed_in(), device)
    for name, value in bend.items():
        setattr(device, name, value)
    browser = small.browser()
    told = await browser.done("POST", "/auth/passkeys/options")
    payload = {"credential": device.get(told)}
    assert await browser.refused("POST", "/auth/passkeys/sign-in", payload) == REFUSED
    assert "og_session" not in browser.jar


async def test_another_key_does_not_sign_for_this_one(small: Desk) -> None:
    device = Device()
    await register(await small.signed_in(), device)
    thief = Device(id=device.id, user=device.user)
    browser = small.browser()
    told = await browser.done("POST", "/auth/passkeys/options")
    payload = {"credential": thief.get(told)}
    assert await browser.refused("POST", "/auth/passkeys/sign-in", payload) == REFUSED


async def test_an_answer_serves_once_in_its_own_browser_and_in_time(desk: Desk) -> None:
    device = Device()
    await register(await desk.signed_in(), device)
    browser = desk.browser()
    told = await browser.done("POST", "/auth/passkeys/options")
    flow = browser.jar["og_flow"]
    payload = {"credential": device.get(told)}
    # Whoever saw the answer, without the cookie that the challenge came with.
    other = desk.browser()
    assert await other.refused("POST", "/auth/passkeys/sign-in", payload) == GONE
    await other.done("POST", "/auth/passkeys/options")
    assert await other.refused("POST", "/auth/passkeys/sign-in", payload) == REFUSED
    # With it, of three at once one comes in; the same cookie written otherwise is the same.
    odd = flow[:-1] + _neighbour(flow)
    jars = ({"og_flow": flow}, {"og_flow": flow}, {"og_flow": odd})
    replies = await asyncio.gather(
        *(desk.browser(jar=dict(j)).ask("POST", "/auth/passkeys/sign-in", payload) for j in jars)
    )
    assert sorted(r.status for r in replies) == [200, 400, 400]
    late = desk.browser()
    told = await late.done("POST", "/auth/passkeys/options")
    kept = dict(late.jar)
    desk.clock.advance(601)
    found = await desk.browser(jar=kept).refused(
        "POST", "/auth/passkeys/sign-in", {"credential": device.get(told)}
    )
    assert found == GONE


def _neighbour(text: str) -> str:
    """Another last character that decodes to the same bytes, where there is one."""
    for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_":
        if last != text[-1] and unb64(text[:-1] + last) == unb64(text):
            return last
    return text[-1]


async def test_a_challenge_of_one_kind_is_not_one_of_another(small: Desk) -> None:
    browser, device = await small.signed_in(), Device()
    await register(browser, device)
    told = await browser.done("POST", "/me/step-up/options")
    found = await browser.refused(
        "POST", "/auth/passkeys/sign-in", {"credential": device.get(told)}
    )
    assert found == GONE


async def test_a_counter_that_goes_back_is_a_copy(small: Desk) -> None:
    device = Device(counts=True)
    await register(await small.signed_in(), device)
    await come_in(small.browser(), device)
    await come_in(small.browser(), device)
    device.count = 0
    browser = small.browser()
    told = await browser.done("POST", "/auth/passkeys/options")
    payload = {"credential": device.get(told)}
    assert await browser.refused("POST", "/auth/passkeys/sign-in", payload) == REFUSED


async def test_a_passkey_proves_again_who_one_is_and_only_ones_own(small: Desk) -> None:
    mine, device = await small.signed_in(), Device()
    await register(mine, device)
    other, theirs = await small.signed_in("other@example.com"), Device()
    await register(other, theirs)
    small.clock.advance(601)
    assert (await mine.refused("POST", "/me/totp"))[1] == "step_up_required"
    told = await mine.done("POST", "/me/step-up/options")
    assert [c["id"] for c in told["publicKey"]["allowCredentials"]] == [b64(device.id)]
    found = await mine.refused("POST", "/me/step-up", {"credential": theirs.get(told)})
    assert found == REFUSED
    told = await mine.done("POST", "/me/step-up/options")
    await mine.done("POST", "/me/step-up", {"credential": device.get(told)})
    await mine.done("POST", "/me/totp")
    # What one account began, another does not finish.
    told = await mine.done("POST", "/me/passkeys/options")
    other.jar["og_flow"] = mine.jar["og_flow"]
    await other.ask("POST", "/me/step-up", {"credential": {}})
    fresh = Device()
    small.clock.advance(1)
    payload = {"credential": fresh.create(told)}
    assert (await other.refused("POST", "/me/passkeys", payload))[0] in (400, 403)


async def test_a_device_is_registered_once_and_an_account_has_ten(small: Desk) -> None:
    browser, device = await small.signed_in(), Device()
    await register(browser, device)
    told = await browser.done("POST", "/me/passkeys/options")
    assert [c["id"] for c in told["publicKey"]["excludeCredentials"]] == [b64(device.id)]
    found = await browser.refused("POST", "/me/passkeys", {"credential": device.create(told)})
    assert found == (400, "passkey_refused")
    for _ in range(9):
        await register(browser, Device())
    assert await browser.refused("POST", "/me/passkeys/options") == (409, "too_many_passkeys")


async def test_nonsense_is_refused_and_breaks_nothing(small: Desk) -> None:
    browser, device = await small.signed_in(), Device()
    await register(browser, device)
    told = await browser.done("POST", "/me/passkeys/options")
    made = Device().create(told)
    stranger = small.browser()
    asked = await stranger.done("POST", "/auth/passkeys/options")
    got = device.get(asked)
    kept = dict(stranger.jar)
    for good, path, who in (
        (made, "/me/passkeys", browser),
        (got, "/auth/passkeys/sign-in", stranger),
    ):
        for number, bad in enumerate(_bent(good)):
            if who is stranger:
                who.jar = dict(kept)
                who.ip = f"198.51.{number}.1"  # guesses are counted by network
            reply = await who.ask("POST", path, {"credential": bad})
            assert reply.status in (400, 401), (bad, reply.text)
            if path == "/me/passkeys":
                told = await browser.done("POST", "/me/passkeys/options")


def _bent(good: dict[str, Any]) -> list[dict[str, Any]]:
    bent: list[dict[str, Any]] = [{}, {"id": 1}, {"id": "é"}, {"id": good["id"]}]
    for name in good["response"]:
        for value in (None, 1, [], {}, "", "!", b64(b"\xff" * 40), b64(b"{}"), b64(b"[]")):
            if name in ("transports", "userHandle") and value in (None, "", [], {}, 1, "!"):
                continue
            bent.append({**good, "response": {**good["response"], name: value}})
    bent.append({**good, "response": None})
    bent.append({**good, "type": "password"})
    bent.append({**good, "rawId": b64(b"other")})
    return bent
