"""A document's facts as a paper, in the language that it was issued in. Amounts are exact."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from opengateway.control.documents.models import Document
from opengateway.control.documents.service import day_of
from opengateway.control.documents.words import WORDS
from opengateway.domain.money import NANOS_PER_USD, nanos_to_usd
from opengateway.domain.paper import Paper, PaperTable, Party

_UNSEEN: Final = re.compile("[\u0000-\u001f\u007f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
"""What takes no place: controls, and selectors of variants that the fonts do not have."""
_WHOLE: Final = ("KRW", "JPY", "VND")
"""Currencies without a smaller unit."""


def paper_of(document: Document) -> Paper:
    facts = document.facts
    words = WORDS[facts["locale"]]
    issued = day_of(document.issued_at_ns).isoformat()
    head = [(words["number"], document.number), (words["date"], issued)]
    if document.kind == "invoice":
        head.append((words["month"], facts["month"]))
        table, totals, notes = _of_use(facts, words)
    else:
        head.append((words["payment"], document.subject_id))
        table, totals, notes = _of_payment(document.kind, facts, words)
    if facts["shown"] is not None:
        notes.insert(0, _shown(facts["shown"], words))
    return Paper(
        title=words[document.kind],
        facts=tuple(head),
        parties=(
            _party(words["seller"], facts["seller"], words),
            _party(words["buyer"], facts["buyer"], words),
        ),
        tables=(table,),
        totals=tuple(totals),
        notes=tuple(notes),
        locale=facts["locale"],
        made_at_ns=document.issued_at_ns,
        author=_seen(facts["seller"]["name"]),
    )


def _party(heading: str, facts: Mapping[str, Any], words: Mapping[str, str]) -> Party:
    lines = [facts["name"], *facts["address"]]
    if facts["registration_number"]:
        lines.append(f"{words['registration']} {facts['registration_number']}")
    if facts["email"]:
        lines.append(facts["email"])
    return Party(heading, tuple(_seen(line) for line in lines))


def _of_payment(
    kind: str, facts: Mapping[str, Any], words: Mapping[str, str]
) -> tuple[PaperTable, list[tuple[str, str]], list[str]]:
    back = kind == "credit_note"
    sign = -1 if back else 1
    net, tax, total = (sign * facts[name] for name in ("net_cents", "tax_cents", "total_cents"))
    what = words["credit_back" if back else "credit"]
    table = PaperTable((words["what"], words["amount"]), ((what, _dollars(net)),))
    percent = nanos_to_usd(facts["tax"]["ppm"] * NANOS_PER_USD // 10_000)
    totals = [
        (words["net"], _dollars(net)),
        (_seen(f"{facts['tax']['name']} {percent} %"), _dollars(tax)),
        (words["total"], _dollars(total)),
    ]
    notes = [words["of_receipt"].format(number=facts["of_number"])] if back else [words["paid"]]
    return table, totals, notes


def _of_use(
    facts: Mapping[str, Any], words: Mapping[str, str]
) -> tuple[PaperTable, list[tuple[str, str]], list[str]]:
    rows = tuple(
        (
            _seen(words["usage"].format(key=line["key"])),
            f"{line['requests']:,}",
            f"${nanos_to_usd(line['nanos'])}",
        )
        for line in facts["lines"]
    )
    used = nanos_to_usd(facts["nanos"])
    totals = [
        (words["used"], f"${used}"),
        (words["paid_ahead"], f"-${used}" if facts["nanos"] else "$0"),
        (words["due"], "$0.00"),
    ]
    heads = (words["what"], words["requests"], words["amount"])
    return PaperTable(heads, rows), totals, [words["tax_ahead"]]


def _shown(facts: Mapping[str, str], words: Mapping[str, str]) -> str:
    currency = facts["currency"]
    amount = Decimal(int(facts["nanos"])) / NANOS_PER_USD / Decimal(facts["usd_per_unit"])
    step = Decimal(1) if currency in _WHOLE else Decimal("0.01")
    return words["shown"].format(
        amount=f"{amount.quantize(step, ROUND_HALF_UP):,} {currency}",
        rate=facts["usd_per_unit"],
        currency=currency,
        date=facts["since"],
    )


def _dollars(cents: int) -> str:
    whole, part = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}${whole:,}.{part:02}"


def _seen(text: str) -> str:
    return _UNSEEN.sub("", text)
