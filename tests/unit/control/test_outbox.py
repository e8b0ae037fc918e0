from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from functools import partial
from html.parser import HTMLParser
from pathlib import Path

import pytest

from opengateway.control.mail import dead_letters
from opengateway.control.mail.letters import LOCALES, letter
from opengateway.control.mail.outbox import MAX_WAITING, Outbox, Postman
from opengateway.control.mail.words import WORDS
from opengateway.control.scope import ControlScope
from opengateway.http.unit_of_work import unit_of_work
from opengateway.policies.permissions import Role
from opengateway.ports.mail import Mail, MailDelayed, MailRefused
from sign_in_desk import Desk, desk_in

LINK = "https://og.example.com/x#token=ogt_canary"


@pytest.fixture
async def desk(tmp_path: Path, store_url: str) -> AsyncIterator[Desk]:
    async with desk_in(tmp_path, store_url) as made:
        yield made


class Server:
    """A mail server as the port has it. `mood` says what becomes of a letter."""

    sends = True

    def __init__(self, mood: Callable[[Mail], Exception | None] = lambda _: None) -> None:
        self.mood = mood
        self.sent: list[Mail] = []

    async def deliver(self, mail: Mail) -> None:
        await asyncio.sleep(0)
        if (trouble := self.mood(mail)) is not None:
            raise trouble
        self.sent.append(mail)


def postman(desk: Desk, server: Server) -> Postman:
    parts = desk.house.parts
    return Postman(partial(unit_of_work, parts.database, parts.new_scope), server, desk.clock)


async def post(
    desk: Desk, to: str = "mina@example.com", most: int = MAX_WAITING, **terms: float
) -> bool:
    async def work(scope: ControlScope, _: object) -> bool:
        return await Outbox(scope, most=most).post(letter("reset", "en", to, LINK), **terms)

    return bool(await desk.within(work))


async def waiting(desk: Desk) -> int:
    ((count,),) = await desk.people.rows("SELECT count(*) FROM mail_outbox")
    return int(count)


async def test_a_letter_waits_sealed_and_is_gone_once_it_is_sent(desk: Desk) -> None:
    assert await post(desk)
    ((sealed,),) = await desk.people.rows("SELECT sealed FROM mail_outbox")
    assert b"ogt_canary" not in bytes(sealed)
    server = Server()
    assert await postman(desk, server).turn() == 1
    assert [m.to for m in server.sent] == ["mina@example.com"]
    assert LINK in server.sent[0].text
    assert await waiting(desk) == 0
    assert await postman(desk, server).turn() == 0


async def test_what_could_not_be_sent_is_tried_again_later_and_later(desk: Desk) -> None:
    await post(desk, keep_s=86_400)
    server = Server(lambda _: MailDelayed("no connection"))
    times = []
    began = desk.clock.now_ns()
    while len(times) < 7:
        if await postman(desk, server).turn():
            times.append((desk.clock.now_ns() - began) // 10**9)
        desk.clock.advance(15)
    assert times == [0, 15, 75, 375, 1_275, 3_075, 6_675]
    server.mood = lambda _: None
    desk.clock.advance(3_600)
    await postman(desk, server).turn()
    assert len(server.sent) == 1


async def test_one_bad_letter_keeps_no_other(desk: Desk) -> None:
    for to in ("bad@example.com", "late@example.com", "good@example.com"):
        await post(desk, to)
    moods = {"bad@example.com": MailRefused("550"), "late@example.com": MailDelayed("451")}
    server = Server(lambda mail: moods.get(mail.to))
    await postman(desk, server).turn()
    assert [m.to for m in server.sent] == ["good@example.com"]
    left = await desk.people.rows("SELECT recipient, last_error FROM mail_outbox ORDER BY id")
    assert [tuple(row) for row in left] == [
        ("bad@example.com", "550"),
        ("late@example.com", "451"),
    ]
    desk.clock.advance(60)
    moods.clear()
    await postman(desk, server).turn()
    assert [m.to for m in server.sent] == ["good@example.com", "late@example.com"]


async def test_two_postmen_send_a_letter_once(desk: Desk) -> None:
    for n in range(10):
        await post(desk, f"p{n}@example.com")
    server = Server()
    await asyncio.gather(*(postman(desk, server).turn() for _ in range(4)))
    assert sorted(m.to for m in server.sent) == [f"p{n}@example.com" for n in range(10)]


async def test_a_letter_that_was_being_sent_at_a_crash_is_taken_up_again(desk: Desk) -> None:
    await post(desk)
    dead = postman(desk, Server())
    assert len(await dead._claim()) == 1  # and nobody hears of it again
    server = Server()
    assert await postman(desk, server).turn() == 0
    desk.clock.advance(121)
    assert await postman(desk, server).turn() == 1


async def test_a_letter_that_is_too_late_is_not_sent(desk: Desk) -> None:
    await post(desk, keep_s=3_600)
    desk.clock.advance(3_601)
    server = Server()
    assert await postman(desk, server).turn() == 0
    ((sealed, error),) = await desk.people.rows("SELECT sealed, last_error FROM mail_outbox")
    assert (bytes(sealed), error) == (b"", "its time is over")
    desk.clock.advance(31 * 86_400)
    await postman(desk, server).turn()
    assert await waiting(desk) == 0


async def test_dead_letters_take_no_room_of_the_living_and_are_bounded(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "MOST", 2)
    server = Server(lambda _: MailRefused("550 no such mailbox"))
    for n in range(4):
        assert await post(desk, f"p{n}@example.com", most=1)
        await postman(desk, server).turn()
    await postman(desk, server).turn()
    left = await desk.people.rows("SELECT recipient FROM mail_outbox ORDER BY id")
    assert [to for (to,) in left] == ["p2@example.com", "p3@example.com"]


async def test_a_dead_letter_is_listed_tried_again_and_put_away(desk: Desk) -> None:
    people = desk.people
    admin = await people.person(platform=Role.PLATFORM_ADMIN)
    support = await people.person(platform=Role.PLATFORM_SUPPORT)
    server = Server(lambda _: MailRefused("550 no such mailbox"))
    for to in ("a@example.com", "b@example.com"):
        await post(desk, to, keep_s=3_600)
    await postman(desk, server).turn()
    place = "/admin/dead-letters/mail"
    page = await people.done(support, "GET", f"{place}?limit=1")
    assert [(row["recipient"], row["last_error"]) for row in page["data"]] == [
        ("b@example.com", "550 no such mailbox")
    ]
    page |= await people.done(support, "GET", f"{place}?limit=1&after={page['next']}")
    (one,) = page["data"]
    assert (one["recipient"], one["can_retry"]) == ("a@example.com", True)
    assert "ogt_canary" not in str(page)
    retry = f"{place}/{one['id']}/retry"
    assert await people.refused(support, "POST", retry) == (403, "permission_missing")
    await people.done(admin, "POST", retry)
    assert await people.refused(admin, "POST", retry) == (404, "letter_not_found")
    server.mood = lambda _: None
    await postman(desk, server).turn()
    assert [m.to for m in server.sent] == ["a@example.com"]
    desk.clock.advance(3_601)
    await postman(desk, server).turn()
    admin = await people.person(platform=Role.PLATFORM_ADMIN)  # an old session is over by now
    support = await people.person(platform=Role.PLATFORM_SUPPORT)
    (other,) = (await people.done(support, "GET", place))["data"]
    assert other["can_retry"] is False
    # Its link is worth nothing by now.
    assert (await people.refused(admin, "POST", f"{place}/{other['id']}/retry"))[0] == 409
    await people.done(admin, "DELETE", f"{place}/{other['id']}")
    assert (await people.done(support, "GET", place))["data"] == []
    audit = await people.done(admin, "GET", "/admin/audit")
    told = [row["action"] for row in audit["data"] if row["action"].startswith("letter.")]
    assert told == ["letter.discarded", "letter.retried"]
    assert "@" not in json.dumps([row["after"] for row in audit["data"]])


async def test_the_outbox_is_bounded(desk: Desk) -> None:
    assert [await post(desk, most=3) for _ in range(5)] == [True, True, True, False, False]


async def test_a_zone_without_mail_keeps_nothing(tmp_path: Path) -> None:
    async with desk_in(tmp_path, mail=False) as desk:
        assert not await post(desk)
        assert await waiting(desk) == 0


# --- what letters say ----------------------------------------------------------------------------


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str | None] = []
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "a":
            self.links.append(dict(attrs)["href"])

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("kind", sorted(WORDS))
@pytest.mark.parametrize("locale", LOCALES)
def test_every_letter_says_the_same_in_both_forms_in_every_language(kind: str, locale: str) -> None:
    has_link = bool(WORDS[kind][locale].action)
    link = LINK if has_link else None
    mail = letter(kind, locale, "a@example.com", link, team="Rhein & Co", by="Kim <x>")
    read = _Text()
    read.feed(mail.html)
    for paragraph in WORDS[kind][locale].paragraphs:
        said = paragraph.format(team="Rhein & Co", by="Kim <x>")
        assert said in mail.text
        assert said in read.text
    assert read.links == ([LINK] if has_link else [])
    assert (LINK in mail.text) is has_link
    assert f'lang="{locale}"' in mail.html
    # No picture and nothing of another origin: opening a letter tells nobody.
    assert not {"img", "script", "link", "iframe"} & set(read.tags)
    assert "src=" not in mail.html
    if locale != "en":
        script = {"ko": "[가-힣]", "ja": "[ぁ-んァ-ヶ]"}[locale]
        assert re.search(script, mail.subject)


def test_nobody_speaks_through_our_letters() -> None:
    team = "<script>x</script>\r\n\r\nWin https://evil.example www.evil.example " + "x" * 500
    mail = letter("invitation", "en", "a@example.com", LINK, team=team, by="{by.__class__}")
    assert "<script>" not in mail.html
    assert "https://evil" not in mail.text
    assert "www.evil" not in mail.text
    assert "\n" not in mail.subject
    assert len(mail.subject) < 200
    assert "{by.__class__} invites you" in mail.text
    assert letter("reset", "xx", "a@example.com", LINK).subject == "Choose a new password"
