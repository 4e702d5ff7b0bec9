"""Whole numbers in digits and words, below a million."""

import re

from orchestrator.emulator.words.text import Found, table

__all__ = ["BELOW_60", "ORDINALS", "UNITS", "find_numbers", "number"]

_ONES = table("one two three four five six seven eight nine")
_TEENS = table("ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen")
_TENS = table("twenty thirty forty fifty sixty seventy eighty ninety")
_VALUES = {
    **{word: value for value, word in enumerate([*_ONES, *_TEENS], 1)},
    **{word: 10 * value for value, word in enumerate(_TENS, 2)},
    "zero": 0,
    "a": 1,
    "couple": 2,
    "dozen": 12,
}

_ORDINAL_ONES = table("first second third fourth fifth sixth seventh eighth ninth")
_ORDINAL_TEENS = table(
    "tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth "
    "nineteenth"
)
ORDINALS = {
    **{word: value for value, word in enumerate([*_ORDINAL_ONES, *_ORDINAL_TEENS], 1)},
    **{f"twenty-{word}": 20 + value for value, word in enumerate(_ORDINAL_ONES, 1)},
    "twentieth": 20,
    "thirtieth": 30,
    "thirty-first": 31,
}
"""Ordinals of the days of a month."""


def _any(options: list[str]) -> str:
    return f"(?:{'|'.join(options)})"


BELOW_60 = rf"(?:{_any(_TENS[:4])}(?:[ -]{_any(_ONES)})?|{_any(_TEENS)}|{_any(_ONES)}|[0-5]?[0-9])"
"""A pattern for hours and minutes."""

UNITS = r"(?:people|persons?|guests?|adults?|kids?|children|pax|covers|of us|heads|friends)"
"""What people are counted in."""

_BELOW_100 = rf"(?:{_any(_TENS)}(?:[ -]{_any(_ONES)})?|{_any(_TEENS)}|{_any(_ONES)}|zero)"
_BELOW_1000 = rf"(?:(?:a|{_any(_ONES)}) hundred(?: (?:and )?{_BELOW_100})?|{_BELOW_100})"
_SPOKEN = (
    rf"(?:{_BELOW_1000} thousand(?: (?:and )?{_BELOW_1000})?|half a dozen|a (?:dozen|couple)"
    rf"|{_BELOW_1000})"
)
_DIGITS = r"[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+"
_NUMBER = re.compile(
    rf"(?<![\w:/+.,'-])(?:(?P<digits>{_DIGITS})(?![\w:/%]|[.,-][0-9])|(?P<words>{_SPOKEN})\b(?!-))",
    re.IGNORECASE,
)
_UNIT = re.compile(rf" (?:or so )?(?:more )?{UNITS}\b", re.IGNORECASE)
_LEAD = re.compile(
    r"\b(?:for|party of|group of|we're|we are|we'll be|we will be|there are|there will be|"
    r"there'll be|make (?:it|that)|just|only|be|rather) (?:about |around )?(?:the )?$",
    re.IGNORECASE,
)
_OTHER_UNIT = re.compile(
    r"[ -](?:minutes?|mins?|hours?|days?|weeks?|months?|years?|euros?|pounds?|dollars?|"
    r"percent|times?|more thing|moment|second|sec)\b",
    re.IGNORECASE,
)
_PRONOUN = re.compile(
    r"\b(?:that|this|the|other|another|which|any|no|later|earlier|first|second|third|last|"
    r"next|every|some|each|either|good|new) $",
    re.IGNORECASE,
)
_PAIR = re.compile(
    r"\b(?:me and my \w+|my \w+ and (?:i|me|myself)|(?:just )?(?:the )?both of us)\b",
    re.IGNORECASE,
)
_AND = re.compile(r",? (?:and|plus) ", re.IGNORECASE)
_ALONE = re.compile(r"\b(?:just|only) (?:me|myself)\b|\bby myself\b|\bon my own\b", re.IGNORECASE)


def number(text: str) -> int:
    """The value of one number in digits or words. Raises `KeyError` for other words."""
    if text[:1].isdigit():
        return int(text.replace(",", ""))
    if text.lower() == "half a dozen":
        return 6
    total = part = 0
    for word in re.split(r"[ -]", text.lower()):
        if word == "thousand":
            total, part = part * 1000, 0
        elif word == "hundred":
            part *= 100
        elif word == "dozen":
            part = 12
        elif word != "and":
            part = 2 if word == "couple" else part + _VALUES[word]
    return total + part


def find_numbers(text: str) -> list[Found]:
    """The numbers in the text, but for durations, prices and the pronoun `one`.

    People who are counted apart (`two adults and three kids`) are one number.
    """
    found = [item for match in _NUMBER.finditer(text) if (item := _counted(text, match))]
    found += [Found("number", 2, *match.span()) for match in _PAIR.finditer(text)]
    found += [Found("number", 1, *match.span()) for match in _ALONE.finditer(text)]
    return _summed(text, sorted(found, key=lambda item: item.start))


def _summed(text: str, found: list[Found]) -> list[Found]:
    summed = list[Found]()
    for item in found:
        last = summed[-1] if summed else None
        if last and _AND.fullmatch(text[last.end : item.start]) and _units(text, last, item):
            summed[-1] = Found("number", last.value + item.value, last.start, item.end)
        else:
            summed.append(item)
    return summed


def _units(text: str, *found: Found) -> bool:
    """Whether all of these end in what people are counted in."""
    return all(re.search(rf" {UNITS}$", text[: each.end], re.IGNORECASE) for each in found)


def _counted(text: str, match: re.Match[str]) -> Found | None:
    before, end = text[: match.start()], match.end()
    if _OTHER_UNIT.match(text, end):
        return None
    if match[0].lower() == "one" and _PRONOUN.search(before):
        return None
    unit = _UNIT.match(text, end)
    sure = bool(unit or _LEAD.search(before))
    return Found("number", number(match[0]), match.start(), unit.end() if unit else end, sure)
