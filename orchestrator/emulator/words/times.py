"""Times of day in words.

An hour from one to eleven without more is *unsure*: `at eight` may be either. `settle`
decides: the part of the day that the words name, then a time that was just offered, then
the evening (appointments, a day and time in one value: eight to eleven are mornings).
"""

import re
from collections.abc import Collection
from typing import Literal

from orchestrator.emulator.words.numbers import BELOW_60, UNITS, number
from orchestrator.emulator.words.text import Found

__all__ = ["daypart", "find_times", "settle"]

_HOUR = (
    r"(?:[01]?[0-9]|2[0-4]|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)(?![\w])"
)
_HALF = r"(?:\s?(?P<half>[ap]m)\b)?"
_CLOCK = r"(?: ?o'? ?clock)?"
_LEAD = (
    r"(?:at|time (?:to|for|is|of|be)|around|about|by|"
    r"from|after|before|until|till|say|maybe|say about|at about|"
    r"at around|towards|make (?:it|that)(?= [^ ]+ (?:in the|o'?clock)))"
)
_NOT_COUNTED = (
    rf"(?! (?:or so )?{UNITS}\b)(?![ -](?:minutes?|hours?|days?|weeks?|%|percent|euros?)\b)"
    r"(?!:|\.[0-9])"
)

_PATTERNS = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in [
        rf"(?<![\w:.-])(?P<hour>[01]?[0-9]|2[0-4])[:h](?P<minute>[0-5][0-9])(?::00)?(?!\w|:)?{_HALF}",
        rf"(?<![\w:.])(?P<hour>[01]?[0-9]|2[0-4])\.(?P<minute>[0-5][0-9])(?!\w|\.)?{_HALF}",
        (
            rf"\b(?P<past>half|quarter|{BELOW_60})(?: minutes?)? (?:past|after) (?P<hour>{_HOUR})"
            rf"{_CLOCK}{_HALF}"
        ),
        (
            rf"\b(?P<to>quarter|{BELOW_60})(?: minutes?)? (?:to|before|of) (?P<hour>{_HOUR})"
            rf"{_CLOCK}{_HALF}"
        ),
        rf"\bhalf (?P<half_hour>)(?P<hour>{_HOUR}){_CLOCK}{_HALF}",
        (
            rf"\b(?P<hour>{_HOUR})[ -](?P<minute>fifteen|thirty|forty[ -]five|15|30|45){_HALF}"
            rf"(?! (?:{UNITS})\b)(?!\w)"
        ),
        rf"\b(?P<hour>{_HOUR}) ?(?P<clock>o'? ?clock){_HALF}",
        r"\b(?P<hour>[0-9]{1,2})\s?(?P<half>[ap]m)\b",
        rf"\b(?P<hour>{_HOUR}) (?P<half>[ap]m)\b",
        rf"\b(?P<hour>{_HOUR}) (?=(?:in the (?:morning|afternoon|evening)|at night|tonight|ish)\b)",
        rf"\b{_LEAD} (?P<hour>[01][0-9]|2[0-3])(?P<minute>[0-5][0-9])\b",
        rf"\b{_LEAD} (?P<hour>{_HOUR}){_NOT_COUNTED}",
    ]
]
_NAMED = re.compile(r"\b(?:at )?(noon|midday|twelve noon|midnight)\b", re.IGNORECASE)
_MORNING = re.compile(r"\b(?:morning|breakfast)\b", re.IGNORECASE)
_LATER = re.compile(r"\b(?:afternoon|evening|tonight|night|lunch|dinner|supper)\b", re.IGNORECASE)


def find_times(text: str) -> list[Found]:
    """The times in the text as `HH:MM`; see the module for the unsure ones."""
    found = [
        Found("time", "00:00" if match[1].lower() == "midnight" else "12:00", *match.span())
        for match in _NAMED.finditer(text)
    ]
    for pattern in _PATTERNS:
        for match in pattern.finditer(text):
            if not any(match.start() < item.end and item.start < match.end() for item in found):
                found += _read(match)
    return sorted(found, key=lambda item: item.start)


def daypart(text: str) -> Literal["am", "pm"] | None:
    """Which half of the day the words name, if they name one."""
    if _LATER.search(text):
        return "pm"
    return "am" if _MORNING.search(text) else None


def settle(
    time: str, part: Literal["am", "pm"] | None, offered: Collection[str], *, evening: bool
) -> str:
    """Morning or evening, for an unsure time."""
    hour, minute = int(time[:2]), time[2:]
    morning, later = f"{hour:02}{minute}", f"{hour + 12:02}{minute}"
    if part:
        return morning if part == "am" else later
    if (morning in offered) != (later in offered):
        return morning if morning in offered else later
    return later if evening or hour < 8 else morning


def _read(match: re.Match[str]) -> list[Found]:
    parts = match.groupdict()
    hour = number(parts["hour"])
    minutes = _minutes(parts)
    if minutes < 0:
        hour, minutes = (hour - 1) or 12, minutes + 60
    half = (parts.get("half") or "").lower()
    if half and hour <= 12:
        hour = hour % 12 + (12 if half == "pm" else 0)
    if hour > 24 or minutes > 59:
        return []
    written = parts["hour"].startswith("0") and bool(parts.get("minute"))
    sure = bool(half) or written or not 1 <= hour <= 11
    return [Found("time", f"{hour % 24:02}:{minutes:02}", *match.span(), sure)]


def _minutes(parts: dict[str, str | None]) -> int:
    """Minutes after the hour; negative before it."""
    if parts.get("half_hour") is not None:
        return 30
    named = {"half": 30, "quarter": 15}
    if past := parts.get("past"):
        return named.get(past.lower()) or number(past)
    if before := parts.get("to"):
        return -(named.get(before.lower()) or number(before))
    return number(parts.get("minute") or "0")
