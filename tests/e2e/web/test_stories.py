"""What people do in the web app, each story against the real product."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from openai import AuthenticationError, OpenAI, PermissionDeniedError
from playwright.sync_api import Browser, StorageState, expect

from e2e.conftest import CHAT
from e2e.product import Product, until
from e2e.web.browsing import Person, admin, found_team, grant, person, totp

pytestmark = pytest.mark.slow
EMAIL = "mina@example.com"


@dataclass
class Owner:
    password: str


@pytest.fixture(scope="module")
def owner(site: Product) -> Owner:
    return Owner(admin(site, EMAIL))


@pytest.fixture(scope="module")
def signed_in(browser: Browser, origin: str, owner: Owner) -> StorageState:
    """The cookies of the owner of a team."""
    with person(browser, origin) as someone:
        found_team(someone, EMAIL, owner.password, "Research")
        return someone.context.storage_state()


@pytest.fixture
def mina(browser: Browser, origin: str, signed_in: StorageState) -> Iterator[Person]:
    """The owner of a team, at its home."""
    with person(browser, origin, storage_state=signed_in) as someone:
        someone.go("/")
        someone.told("First call")
        yield someone


@pytest.fixture
def somebody(browser: Browser, origin: str) -> Iterator[Person]:
    """Not signed in."""
    with person(browser, origin) as someone:
        yield someone


def asked(site: Product, key: str) -> str:
    client = OpenAI(base_url=f"{site.url}/v1", api_key=key, max_retries=0)
    answer = client.chat.completions.create(
        model=CHAT, messages=[{"role": "user", "content": "Hello"}]
    )
    return answer.choices[0].message.content or ""


def make_key(someone: Person, name: str) -> str:
    page = someone.page
    page.get_by_role("button", name="New key").first.click()
    drawer = page.get_by_role("dialog", name="New key")
    drawer.get_by_label("Name", exact=True).fill(name)
    drawer.get_by_role("button", name="Create key").click()
    return shown_secret(someone, name)


def shown_secret(someone: Person, name: str) -> str:
    shown = someone.page.get_by_role("dialog", name=f"Key “{name}”")
    secret = shown.locator("code").first.inner_text()
    shown.get_by_role("button", name="I have kept it").click()
    expect(shown).to_be_hidden()
    assert secret not in someone.page.content()
    return secret


def act(someone: Person, key: str, action: str) -> None:
    someone.page.get_by_role("button", name=f"Actions for {key}").click()
    someone.page.get_by_role("menuitem", name=action).click()


def test_from_the_first_sign_in_to_an_answer_of_a_model(mina: Person, site: Product) -> None:
    page = mina.page
    began = time.monotonic()
    mina.told("Hello, ")
    mina.told("Waiting for the first answer of this team.")
    grant(site, mina.team_id, "5")
    page.get_by_role("link", name="Make a key").click()
    page.get_by_role("button", name="New key").first.click()
    drawer = page.get_by_role("dialog", name="New key")
    drawer.get_by_label("Name", exact=True).fill("search")
    drawer.get_by_label("Spend limit").fill("2.50")
    drawer.get_by_label("Starts anew").click()
    page.get_by_role("option", name="Every month").click()
    drawer.get_by_label("Requests per minute").fill("600")
    drawer.get_by_label("Metadata (name=value)").fill("service=search")
    drawer.get_by_role("button", name="Create key").click()
    secret = shown_secret(mina, "search")
    row = page.get_by_role("row", name=re.compile("search"))
    expect(row.get_by_text("$2.50 a month")).to_be_visible()
    expect(row.get_by_text("600 requests/min")).to_be_visible()

    until(lambda: site.knows(secret))
    assert asked(site, secret)

    (key,) = mina.api(f"/api/v1/teams/{mina.team_id}/keys")["data"]
    assert (key["limit_nanos"], key["limit_reset"], key["rpm"]) == (2_500_000_000, "monthly", 600)
    assert key["metadata"] == {"service": "search"}

    mina.open("Home", "First call")
    mina.told("The first answer came: lab/chat")
    page.get_by_role("link", name="Look at the request").click()
    expect(page.get_by_role("list", name="Attempts")).to_be_visible()
    assert time.monotonic() - began < 120, "the guide promises a first call in two minutes"


def test_a_key_is_disabled_enabled_rotated_and_revoked(mina: Person, site: Product) -> None:
    page = mina.page
    grant(site, mina.team_id, "5")
    mina.open("API keys")
    first = make_key(mina, "worker")
    until(lambda: site.knows(first))
    row = page.get_by_role("row", name=re.compile("worker"))

    act(mina, "worker", "Disable")
    page.get_by_role("dialog").get_by_role("button", name="Disable").click()
    expect(row.get_by_text("Disabled")).to_be_visible()
    until(lambda: not site.knows(first), 10)
    with pytest.raises((AuthenticationError, PermissionDeniedError)):
        asked(site, first)

    act(mina, "worker", "Enable")
    page.get_by_role("dialog").get_by_role("button", name="Enable").click()
    expect(row.get_by_text("Active")).to_be_visible()
    until(lambda: site.knows(first), 10)

    act(mina, "worker", "Rotate")
    page.get_by_role("dialog").get_by_role("button", name="Rotate").click()
    second = shown_secret(mina, "worker")
    until(lambda: site.knows(second), 10)
    assert asked(site, second)
    assert asked(site, first), "the old secret works for a day"

    act(mina, "worker", "Revoke")
    dialog = page.get_by_role("dialog", name="Revoke worker?")
    expect(dialog.get_by_role("button", name="Revoke")).to_be_disabled()
    dialog.get_by_role("textbox").fill("worker")
    dialog.get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("row", name=re.compile("worker"))).to_be_hidden()
    until(lambda: not site.knows(second) and not site.knows(first), 10)


def test_somebody_is_invited_joins_gets_another_role_and_is_removed(
    mina: Person, browser: Browser, origin: str
) -> None:
    page = mina.page
    mina.open("Members")
    page.get_by_label("E-mail").fill("jun@example.com")
    page.get_by_role("button", name="Invite", exact=True).click()
    mina.told("jun@example.com is invited.")
    link = page.locator("code", has_text="/invitations/accept").inner_text()
    assert link.startswith(origin)

    with person(browser, origin) as jun:
        jun.page.goto(link)
        jun.page.get_by_role("link", name="Create an account").click()
        jun.page.get_by_label("Your name").fill("Jun")
        jun.page.get_by_label("E-mail").fill("jun@example.com")
        jun.page.get_by_label("Password", exact=True).fill("a walk along the river at noon")
        jun.page.get_by_role("button", name="Create account").click()
        jun.told("This is Research.")
        jun.open("Members")
        expect(jun.page.get_by_role("button", name="Invite", exact=True)).to_be_hidden()

    page.reload()
    page.get_by_role("combobox", name="Role of Jun").click()
    page.get_by_role("option", name="Viewer").click()
    mina.told("The role of Jun is changed.")
    members = mina.api(f"/api/v1/teams/{mina.team_id}/members")["data"]
    assert {m["email"]: m["role"] for m in members}["jun@example.com"] == "viewer"

    page.get_by_role("row", name=re.compile("Jun")).get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_role("row", name=re.compile("Jun"))).to_be_hidden()
    assert len(mina.api(f"/api/v1/teams/{mina.team_id}/members")["data"]) == 1


def test_the_language_is_kept_with_the_account_and_on_the_device(mina: Person) -> None:
    page = mina.page
    mina.go("/profile")
    page.get_by_role("combobox", name="Language").last.select_option("ko")
    expect(page.get_by_role("heading", name="프로필")).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "ko"
    until(lambda: mina.api("/api/v1/me")["user"]["locale"] == "ko")
    page.reload()
    expect(page.get_by_role("heading", name="프로필")).to_be_visible()


def test_a_second_factor_is_set_up_and_asked_for(somebody: Person, site: Product) -> None:
    mina = somebody
    password = admin(site, "totp@example.com")
    page = mina.page
    found_team(mina, "totp@example.com", password, "Factors")
    mina.go("/profile")
    page.get_by_role("button", name="Set up").click()
    expect(page.get_by_role("img", name="QR code for your authenticator")).to_be_visible()
    secret = page.locator("code").first.inner_text()
    page.get_by_label("Code that the app shows").fill(totp(secret))
    page.get_by_role("button", name="Turn on").click()
    mina.told("These recovery codes are shown once.")
    codes = (
        page.get_by_role("list", name="Recovery codes").get_by_role("listitem").all_inner_texts()
    )
    assert len(codes) >= 8
    page.get_by_role("button", name="I have kept them").click()
    mina.sign_out("totp")

    mina.go("/sign-in")
    mina.sign_in("totp@example.com", password)
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Go on").click()
    mina.told("That code is wrong")
    page.get_by_label("Code").fill(codes[0])
    page.get_by_role("button", name="Go on").click()
    mina.told("First call")


def test_a_passkey_is_added_and_opens_the_account(somebody: Person, site: Product) -> None:
    mina = somebody
    password = admin(site, "passkey@example.com")
    page = mina.page
    session = mina.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    found_team(mina, "passkey@example.com", password, "Passkeys")
    mina.go("/profile")
    page.get_by_role("button", name="Add a passkey").click()
    mina.told("The passkey is added.")
    mina.sign_out("passkey")
    page.get_by_role("button", name="Use a passkey").click()
    mina.told("First call")
    assert mina.api("/api/v1/me")["user"]["email"] == "passkey@example.com"


def test_money_is_shown_to_the_place_and_a_budget_is_set(mina: Person, site: Product) -> None:
    page = mina.page
    mina.go("/teams/new")
    page.get_by_label("Name of the team").fill("Money")
    page.get_by_role("button", name="Create team").click()
    mina.told("First call")
    grant(site, mina.team_id, "1234.567891234")
    mina.open("Balance and budgets")
    figure = page.get_by_text("$1,234.56", exact=True).first
    expect(figure).to_be_visible()
    assert figure.get_attribute("title") == "$1,234.567891234 USD"
    expect(page.get_by_text("+$1,234.567891", exact=True)).to_be_visible()

    page.get_by_role("button", name="New budget").click()
    dialog = page.get_by_role("dialog", name="New budget")
    dialog.get_by_label("Limit (USD)").fill("1,000,000.000000001")
    dialog.get_by_role("button", name="Create budget").click()
    mina.told("The budget is set.")
    (budget,) = mina.api(f"/api/v1/teams/{mina.team_id}/budgets")["data"]
    assert budget["limit_nanos"] == 1_000_000_000_000_001
    expect(page.get_by_title("$1,000,000.000000001 USD")).to_be_visible()


def test_what_cannot_be_undone_asks_who_one_is_and_then_goes_on(mina: Person, owner: Owner) -> None:
    """The proof of the sign-in is old: the server is asked by a page whose clock we cannot turn, so
    its refusal is played once, and its answer to the proof is its own."""
    page = mina.page
    refused: list[str] = []

    def refuse_once(route: object) -> None:
        if not refused:
            refused.append("yes")
            body = '{"error":{"code":"step_up_required","message":"prove who you are again"}}'
            route.fulfill(status=403, content_type="application/json", body=body)  # type: ignore[attr-defined]
        else:
            route.continue_()  # type: ignore[attr-defined]

    page.route("**/api/v1/me/totp", refuse_once)
    mina.go("/profile")
    page.get_by_role("button", name="Set up").click()
    dialog = page.get_by_role("dialog", name="Is it you?")
    dialog.get_by_label("Password", exact=True).fill(owner.password)
    dialog.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("img", name="QR code for your authenticator")).to_be_visible()


def test_another_device_is_signed_out(
    mina: Person, browser: Browser, origin: str, owner: Owner
) -> None:
    with person(browser, origin) as other:
        other.go("/sign-in")
        other.sign_in(EMAIL, owner.password)
        other.told("First call")
        mina.go("/profile")
        rows = mina.page.get_by_role("listitem").filter(
            has=mina.page.get_by_role("button", name="Sign out")
        )
        expect(rows.first).to_be_visible()
        count = rows.count()
        rows.first.get_by_role("button", name="Sign out").click()
        mina.told("That session has ended.")
        expect(rows).to_have_count(count - 1)
        other.page.reload()
        expect(other.page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()
