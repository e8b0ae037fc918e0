from __future__ import annotations

import re

from opengateway.domain.redeem_codes import compact, digest, hint, is_well_formed, new_code
from opengateway.kit import chance

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def test_a_code_is_five_groups_of_four_in_crockfords_alphabet() -> None:
    codes = [new_code() for _ in range(500)]
    assert len(set(codes)) == 500
    for code in codes:
        assert re.fullmatch(rf"OGC(-[{ALPHABET}]{{4}}){{5}}", code)
        assert is_well_formed(code)


def test_what_people_type_is_the_same_code() -> None:
    code = new_code()
    bare = code.replace("-", "")
    for typed in (code.lower(), bare, bare[3:], f"  {code} ", code.replace("-", " "), bare.lower()):
        assert digest(typed, b"p") == digest(code, b"p"), typed
    confused = code.replace("0", "o").replace("1", "l")
    assert digest("OGC" + confused[3:], b"p") == digest(code, b"p")


def test_a_code_that_begins_like_the_prefix_is_still_itself() -> None:
    # `OGC` cannot stand in a code: O is none of its characters.
    assert compact("OGC-0GC0-0000-0000-0000-0000") == "0GC0" + "0" * 16


def test_one_wrong_character_or_two_swapped_ones_always_show() -> None:
    code = compact(new_code())
    for at in range(20):
        for other in ALPHABET:
            changed = code[:at] + other + code[at + 1 :]
            assert is_well_formed(changed) == (other == code[at])
    for at in range(19):
        swapped = code[:at] + code[at + 1] + code[at] + code[at + 2 :]
        assert is_well_formed(swapped) == (swapped == code)


def test_digests_differ_by_code_and_by_pepper_and_noise_has_one_too() -> None:
    first, second = new_code(), new_code()
    made = {
        digest(text, pepper) for text in (first, second, "", "x" * 9_999) for pepper in (b"p", b"q")
    }
    assert len(made) == 8
    assert {len(d) for d in made} == {32}


def test_a_hint_tells_a_fifth_of_a_code() -> None:
    code = new_code()
    assert hint(code) == code[:8] + "-..."


def test_typed_noise_never_fails() -> None:
    noise = chance.seeded(7)
    for _ in range(2_000):
        text = "".join(chr(noise.randrange(0x3000)) for _ in range(noise.randrange(80)))
        assert not is_well_formed(text)
        digest(text, b"p")
