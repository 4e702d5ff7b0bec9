"""Days in words, relative to a given day.

A weekday is the next one after today; `next` says that of the following calendar week,
which begins on Monday. Days without a month, and months without a year, are the first
ones that are not over. `24/11` is day and month, in this order.
"""

import re
from collections.abc import Callable
from datetime import date, timedelta

from orchestrator.emulator.words.numbers import BELOW_60, ORDINALS, number
from orchestrator.emulator.words.text import Found, table

__all__ = ["find_dates"]

_WEEKDAYS = table("monday tuesday wednesday thursday friday saturday sunday")
_MONTHS = table(
    "january february march april may june july august september october november december"
)
_WEEKDAY = "(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?s?"
_MONTH = "(?:" + "|".join(f"{name[:3]}(?:{name[3:]})?" for name in _MONTHS) + "|sept)"
_WORDS = "|".join(sorted((name.replace("-", "[ -]") for name in ORDINALS), key=len, reverse=True))
_NTH = rf"(?:[0-3]?[0-9](?:st|nd|rd|th)|{_WORDS})"
_DAY = rf"(?:{_NTH}|[0-3]?[0-9])"
_YEAR = r"(?:,? (?P<year>20[0-9]{2}))?"
_ON = rf"(?:(?:{_WEEKDAY}),? (?:the )?)?"

_Reader = Callable[[re.Match[str], date], date | None]


def _iso(match: re.Match[str], _: date) -> date | None:
    return _day(int(match["year"]), int(match["month"]), int(match["day"]))


def _numeric(match: re.Match[str], today: date) -> date | None:
    year, month, day = match["year"], int(match["month"]), int(match["day"])
    if year:
        return _day(int(year) % 100 + 2000, month, day)
    return _upcoming(today, month, day)


def _named(match: re.Match[str], today: date) -> date | None:
    month = [name[:3] for name in _MONTHS].index(match["month"][:3].lower()) + 1
    day = _ordinal(match["day"])
    return _day(int(match["year"]), month, day) if match["year"] else _upcoming(today, month, day)


def _nth(match: re.Match[str], today: date) -> date | None:
    """The first day with this number that is not over; months without it are passed over."""
    first = today.replace(day=1)
    for _ in range(12):
        day = _day(first.year, first.month, _ordinal(match["day"]))
        if day and day >= today:
            return day
        first = (first + timedelta(days=31)).replace(day=1)
    return None


def _weekday(match: re.Match[str], today: date) -> date:
    wanted = next(i for i, name in enumerate(_WEEKDAYS) if name[:3] == match["name"][:3].lower())
    ahead = (wanted - today.weekday() - 1) % 7 + 1
    if (match["which"] or "").lower() == "next" and today.weekday() + ahead < 7:
        ahead += 7
    return today + timedelta(days=ahead + (7 if match["week"] else 0))


def _away(match: re.Match[str], today: date) -> date:
    count = 1 if match["count"].lower() in ("a", "one") else number(match["count"])
    unit = 7 if match["unit"].lower().startswith("week") else 1
    base = 1 if (match["from"] or "").lower() == "tomorrow" else 0
    return today + timedelta(days=count * unit + base)


def _in(days: int) -> _Reader:
    return lambda _, today: today + timedelta(days=days)


_PATTERNS: list[tuple[re.Pattern[str], _Reader]] = [
    (re.compile(pattern, re.IGNORECASE), reader)
    for pattern, reader in [
        (r"\b(?P<year>20[0-9]{2})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})\b", _iso),
        (rf"\b{_ON}(?P<day>{_DAY})(?: of)? (?P<month>{_MONTH})\b{_YEAR}", _named),
        (rf"\b{_ON}(?P<month>{_MONTH}) (?:the )?(?P<day>{_DAY})(?![:\w]){_YEAR}", _named),
        (
            (
                r"(?<![\w/.])(?P<day>[0-3]?[0-9])[/.](?P<month>[01]?[0-9])"
                r"(?:[/.](?P<year>(?:20)?[0-9]{2}))?(?![\w/])(?! ?[ap]m\b)"
            ),
            _numeric,
        ),
        (
            (
                rf"\bin (?P<count>an?|{BELOW_60}) (?P<unit>days?|weeks?)(?: time)?\b"
                r"(?P<from>(?!))?"
            ),
            _away,
        ),
        (
            (
                rf"\b(?P<count>an?|{BELOW_60}) (?P<unit>days?|weeks?) from "
                r"(?P<from>now|today|tomorrow)\b"
            ),
            _away,
        ),
        (r"\b(?:the )?day after tomorrow\b", _in(2)),
        (r"\b(?:today|tonight|this (?:morning|afternoon|evening|noon))\b", _in(0)),
        (r"\b(?:tomorrow|tmrw|tomorow|tommorow|tommorrow)\b", _in(1)),
        (rf"\b{_ON}(?:(?:on )?the )(?P<day>{_NTH})(?! (?:one|time|option|choice)\b)\b", _nth),
        (rf"\b{_ON}(?P<day>[0-3]?[0-9](?:st|nd|rd|th))\b", _nth),
        (
            rf"\b(?P<week>a week on )?(?:(?P<which>this|next|coming|on) )?(?P<name>{_WEEKDAY})\b",
            _weekday,
        ),
    ]
]
_CHOICE = re.compile(r"(?:the )?(?:first|second|third|last)", re.IGNORECASE)
_PLAIN_WORD = re.compile(r"(?:sun|sat|wed|mon|tue)", re.IGNORECASE)


def find_dates(text: str, today: date) -> list[Found]:
    """The days named in the text, as ISO dates."""
    found: list[Found] = []
    for pattern, reader in _PATTERNS:
        for match in pattern.finditer(text):
            if _taken(match, found) or _CHOICE.fullmatch(match[0]):
                continue
            if _PLAIN_WORD.fullmatch(match[0]) and not match[0][0].isupper():
                continue
            if day := reader(match, today):
                found.append(Found("date", day.isoformat(), *match.span()))
    return sorted(found, key=lambda item: item.start)


def _taken(match: re.Match[str], found: list[Found]) -> bool:
    return any(match.start() < item.end and item.start < match.end() for item in found)


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _upcoming(today: date, month: int, day: int) -> date | None:
    this_year = _day(today.year, month, day)
    return this_year if this_year and this_year >= today else _day(today.year + 1, month, day)


def _ordinal(text: str) -> int:
    """The value of `24`, `24th` or `twenty-fourth`."""
    digits = re.match("[0-9]+", text)
    return int(digits[0]) if digits else ORDINALS[text.lower().replace(" ", "-")]
