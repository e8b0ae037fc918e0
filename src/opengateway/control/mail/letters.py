"""The letters that we write, as plain text and as simple HTML. The words are in `words.py`."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Final

from opengateway.control.mail.words import SIGNATURE, WORDS, Words
from opengateway.ports.mail import Mail

LOCALES: Final = ("en", "ko", "ja")
_MAX_VALUE: Final = 120


def letter(kind: str, locale: str, to: str, link: str | None = None, **values: str) -> Mail:
    """A letter of this kind (a key of `WORDS`), in English where the locale is not one of ours.

    `values` fill the words' places: `team`, `by`. They are what people typed: cut, on one line, and
    escaped, so that nobody can use our mail to say something of their own at length.
    """
    return written(WORDS[kind], locale, to, link, **values)


def written(
    languages: Mapping[str, Words], locale: str, to: str, link: str | None = None, **values: str
) -> Mail:
    """The same with words of another slice's, by language."""
    locale = locale if locale in LOCALES else "en"
    words = languages[locale]
    filled = {name: _tame(value) for name, value in values.items()}
    subject = words.subject.format_map(filled)
    paragraphs = [text.format_map(filled) for text in words.paragraphs]
    return Mail(
        to=to,
        subject=subject,
        text=_text(words, paragraphs, link, locale),
        html=_html(words, subject, paragraphs, link, locale),
    )


def _tame(value: str) -> str:
    said = " ".join(value.split())
    # A name that looks like an address would become a link in many readers.
    said = said.replace("://", " ").replace("www.", "www ")
    return said if len(said) <= _MAX_VALUE else said[: _MAX_VALUE - 1] + "…"


def _text(words: Words, paragraphs: Sequence[str], link: str | None, locale: str) -> str:
    parts = [*paragraphs[:1], *((link,) if link else ()), *paragraphs[1:]]
    return "\n\n".join((*parts, f"-- \n{SIGNATURE[locale]}")) + "\n"


def _html(
    words: Words, subject: str, paragraphs: Sequence[str], link: str | None, locale: str
) -> str:
    said = [f"<p>{html.escape(text)}</p>" for text in paragraphs]
    if link:
        href = html.escape(link, quote=True)
        said.insert(
            1,
            f'<p><a href="{href}" style="display:inline-block;padding:10px 18px;background:#1f4fd8;'
            f'color:#ffffff;text-decoration:none;border-radius:6px">{html.escape(words.action)}</a>'
            f'</p>\n<p style="color:#555555;font-size:13px;word-break:break-all">{href}</p>',
        )
    body = "\n".join(said)
    return (
        f'<!doctype html>\n<html lang="{locale}"><head><meta charset="utf-8">'
        f"<title>{html.escape(subject)}</title></head>\n"
        '<body style="font-family:sans-serif;font-size:15px;line-height:1.6;color:#1a1a1a;'
        f'max-width:560px;margin:0 auto;padding:24px">\n{body}\n'
        f'<p style="color:#777777;font-size:13px">{html.escape(SIGNATURE[locale])}</p>\n'
        "</body></html>\n"
    )
