"""Money comes in, papers of it, a team's own keys at providers, webhooks: each story checked through the API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from e2e.product import Product, http, until
from e2e.web.browsing import Person, admin, faults, found_team, person
from stripe_stub import StripeStub, signed

pytestmark = pytest.mark.slow
EMAIL = "nari@example.com"
READS = {
    "billing": "**/api/v1/teams/*/payment-settings",
    "credentials": "**/api/v1/teams/*/credentials",
}


@pytest.fixture(scope="module")
def nari(browser: Browser, origin: str, site: Product, stripe: StripeStub) -> Iterator[Person]:
    """The owner of a team that has paid nothing yet."""
    with person(browser, origin) as someone:
        someone.watched.elsewhere = stripe.url
        found_team(someone, EMAIL, admin(site, EMAIL), "Buying")
        yield someone


@pytest.fixture
def team(nari: Person) -> str:
    return str(nari.api("/api/v1/me")["teams"][0]["id"])


def pay(site: Product, stripe: StripeStub) -> None:
    """The reader types a card at the processor, which tells us."""
    for event in stripe.pay():
        body, signature = signed(event)
        headers = {"stripe-signature": signature, "content-type": "application/json"}
        url = f"{site.url}/api/v1/payments/stripe/webhook"
        assert http(url, method="POST", body=body, headers=headers)[0] == 200


def test_billing_and_own_keys_of_a_new_team_invite_to_begin(nari: Person, team: str) -> None:
    nari.go(f"/teams/{team}/billing")
    for text in ("No payment yet", "None yet", "No card is saved."):
        nari.told(text)
    nari.go(f"/teams/{team}/credentials")
    nari.told("No key of your own")
    assert nari.api(f"/api/v1/teams/{team}/payments")["data"] == []
    assert nari.api(f"/api/v1/teams/{team}/credentials")["data"] == []


def test_a_top_up_is_paid_and_becomes_credit_with_a_receipt(
    nari: Person, team: str, site: Product, stripe: StripeStub
) -> None:
    page = nari.page
    page.route(f"{stripe.url}/**", lambda route: route.fulfill(body="<h1>Pay</h1>"))
    nari.go(f"/teams/{team}/billing")
    page.get_by_role("button", name="$50", exact=True).click()
    expect(page.get_by_label("Amount (USD)")).to_have_value("50")
    page.get_by_label("Amount (USD)").fill("0.5")
    nari.told("Write an amount from")
    page.get_by_label("Amount (USD)").fill("50")
    page.get_by_role("button", name="Go to the payment").click()
    page.wait_for_url(f"{stripe.url}/**")
    pay(site, stripe)
    until(lambda: nari.api(f"/api/v1/teams/{team}/payments")["data"][0]["state"] == "paid")
    nari.go(f"/teams/{team}/billing")
    row = page.get_by_role("table", name="Payments").get_by_role("row").nth(1)
    expect(row.get_by_text("Paid", exact=True)).to_be_visible()
    expect(row.get_by_text("$50.00").first).to_be_visible()
    balance = nari.api(f"/api/v1/teams/{team}/balance")
    assert balance["available_nanos"] == 50_000_000_000
    (paper,) = nari.api(f"/api/v1/teams/{team}/documents")["data"]
    with page.expect_download() as download:
        page.get_by_role("link", name=paper["number"]).click()
    assert download.value.path().read_bytes().startswith(b"%PDF")


def test_a_saved_card_is_charged_by_itself_until_it_is_forgotten(nari: Person, team: str) -> None:
    page = nari.page
    settings = f"/api/v1/teams/{team}/payment-settings"
    assert nari.api(settings)["has_method"]
    nari.go(f"/teams/{team}/billing")
    panel = page.get_by_role("region", name="Card and auto-recharge")
    panel.get_by_role("switch", name="Recharge by itself").check()
    panel.get_by_label("When the balance falls to").fill("4")
    panel.get_by_label("Charge", exact=True).fill("40")
    panel.get_by_label("At most in a month").fill("120")
    panel.get_by_role("button", name="Save", exact=True).click()
    nari.told("Auto-recharge is set.")
    recharge = nari.api(settings)["recharge"]
    assert (recharge["enabled"], recharge["below_nanos"]) == (True, 4_000_000_000)
    assert (recharge["amount_nanos"], recharge["monthly_nanos"]) == (40 * 10**9, 120 * 10**9)
    panel.get_by_role("button", name="Forget").click()
    page.get_by_role("dialog").get_by_role("button", name="Forget").click()
    nari.told("No card is saved.")
    assert nari.api(settings)["has_method"] is False
    assert nari.api(settings)["recharge"]["enabled"] is False


def test_papers_are_made_out_to_whom_the_team_says(nari: Person, team: str) -> None:
    page = nari.page
    nari.go(f"/teams/{team}/billing")
    panel = page.get_by_role("region", name="Billing details")
    panel.get_by_label("Name or company").fill("주식회사 검색")
    panel.get_by_label("Registration number").fill("123-45-67890")
    panel.get_by_label("Address, a line each").fill("1 River Road\nSeoul")
    panel.get_by_role("button", name="Save", exact=True).click()
    nari.told("The billing details are saved.")
    profile = nari.api(f"/api/v1/teams/{team}/billing-profile")
    assert (profile["name"], profile["registration_number"]) == ("주식회사 검색", "123-45-67890")
    assert profile["address"] == ["1 River Road", "Seoul"]


def test_a_key_of_the_team_at_a_provider_is_tried_kept_and_removed(nari: Person, team: str) -> None:
    page = nari.page
    path = f"/api/v1/teams/{team}/credentials"
    nari.go(f"/teams/{team}/credentials")
    page.get_by_role("button", name="Add a key").click()
    dialog = page.get_by_role("dialog", name="Add a key")
    dialog.get_by_label("Provider", exact=True).fill("main")
    dialog.get_by_label("Name", exact=True).fill("ours")
    dialog.get_by_label("API key of the provider").fill("test-provider-key-1234")
    assert faults(page, over=True) == []
    dialog.get_by_role("button", name="Test and add").click()
    nari.told("The key is added; gateways use it within seconds.")
    (row,) = nari.api(path)["data"]
    assert (row["provider"], row["preferred"], row["test"]["ok"]) == ("main", True, True)
    page.get_by_role("button", name="Use as fallback").click()
    expect(page.get_by_text("As fallback", exact=True)).to_be_visible()
    assert nari.api(path)["data"][0]["preferred"] is False
    page.get_by_role("button", name="Switch off").click()
    expect(page.get_by_role("button", name="Switch on")).to_be_visible()
    assert nari.api(path)["data"][0]["disabled"] is True
    page.get_by_role("button", name="Remove", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    nari.told("No key of your own")
    assert nari.api(path)["data"] == []


def test_what_a_webhook_was_sent_can_be_read_and_sent_again(nari: Person, team: str) -> None:
    page = nari.page
    nari.go(f"/teams/{team}/settings")
    panel = page.get_by_role("region", name="Webhooks")
    panel.get_by_label("Address").fill("https://127.0.0.1:9/hook")
    panel.get_by_role("button", name="Add", exact=True).click()
    nari.told("This secret proves that a request is ours.")
    (hook,) = nari.api(f"/api/v1/teams/{team}/webhooks")["data"]
    panel.get_by_role("button", name="Test", exact=True).click()
    nari.told("A test is on its way.")
    deliveries = f"/api/v1/teams/{team}/webhooks/{hook['id']}/deliveries"
    until(lambda: nari.api(deliveries)["data"][0]["attempts"])
    panel.get_by_role("button", name=hook["url"]).click()
    sheet = page.get_by_role("dialog", name="Deliveries")
    kind = nari.api(deliveries)["data"][0]["event_type"]
    expect(sheet.get_by_text(kind).first).to_be_visible()
    page.keyboard.press("Escape")
    first = panel.locator("code").inner_text()
    panel.get_by_role("button", name="New secret").click()
    page.get_by_role("dialog").get_by_role("button", name="New secret").click()
    expect(panel.locator("code")).not_to_have_text(first)


def test_a_key_refuses_parameters_that_a_model_does_not_know(nari: Person, team: str) -> None:
    page = nari.page
    nari.go(f"/teams/{team}/keys")
    page.get_by_role("button", name="New key").first.click()
    drawer = page.get_by_role("dialog", name="New key")
    drawer.get_by_label("Name", exact=True).fill("strict")
    drawer.get_by_role("switch", name="Refuse parameters that a model does not know").check()
    drawer.get_by_role("button", name="Create key").click()
    page.get_by_role("button", name="I have kept it").click()
    (key,) = nari.api(f"/api/v1/teams/{team}/keys")["data"]
    assert key["strict_parameters"] is True


@pytest.mark.parametrize(
    ("role", "sees", "lacks"),
    [("Viewer", "Billing", "Playground"), ("Billing", "Balance and budgets", "Requests")],
)
def test_every_role_sees_the_models_and_no_page_that_is_not_its_own(
    nari: Person, team: str, browser: Browser, origin: str, role: str, sees: str, lacks: str
) -> None:
    csrf = nari.api("/api/v1/me")["csrf_token"]
    email = f"{role.lower()}@example.com"
    made = nari.context.request.post(
        f"{origin}/api/v1/teams/{team}/invitations",
        data={"email": email, "role": role.lower()},
        headers={"x-csrf-token": csrf, "origin": origin},
    ).json()
    with person(browser, origin) as other:
        other.page.goto(made["link"])
        other.page.get_by_role("link", name="Create an account").click()
        other.page.get_by_label("Your name").fill(role)
        other.page.get_by_label("E-mail").fill(email)
        other.page.get_by_label("Password", exact=True).fill("a walk along the river at noon")
        other.page.get_by_role("button", name="Create account").click()
        menu = other.page.get_by_role("navigation", name="Pages")
        expect(menu.get_by_role("link", name=sees, exact=True)).to_be_visible()
        expect(menu.get_by_role("link", name=lacks, exact=True)).to_have_count(0)
        other.open("Models")
        expect(other.page.get_by_role("button", name="chat", exact=True)).to_be_visible()
        listed = other.api(f"/api/v1/teams/{team}/models")["data"]
        assert "lab/chat" in {model["id"] for model in listed}
        other.go("/admin/system")
        other.told("This is for the platform's people")
        assert other.context.request.get(f"{origin}/api/v1/admin/system").status == 403


@pytest.mark.parametrize("path", READS)
def test_a_page_whose_data_does_not_come_says_so_and_recovers(
    nari: Person, team: str, path: str
) -> None:
    nari.fails(READS[path], f"/teams/{team}/{path}")
