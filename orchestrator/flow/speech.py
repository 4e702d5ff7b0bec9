"""How values are said in English: dates, times, phone numbers, codes. Pure and total."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, time

from orchestrator.dispatch.call import Json
from orchestrator.flow.operations import as_text, is_list
from orchestrator.flow.types import ANY, Type

__all__ = ["spelled", "spoken"]

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July",
    "August", "September", "October", "November", "December",
)  # fmt: skip
SMALL = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen",
)  # fmt: skip
TENS = ("", "", "twenty", "thirty", "forty", "fifty")


def spoken(value: Json, type_: Type) -> str:
    """The value as a person would say it."""
    try:
        if type_.name in SAID:
            return SAID[type_.name](value)
    except (TypeError, ValueError, AttributeError, OverflowError):
        return as_text(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if is_list(value):
        return _series([spoken(item, type_.of or ANY) for item in value])
    return as_text(value).replace("_", " ") if type_.name == "enum" else as_text(value)


def spelled(text: str) -> str:
    """Letter by letter: `AB12` is `A B 1 2`."""
    return " ".join("".join(text.split()))


def _date(text: str) -> str:
    return _day(date.fromisoformat(text))


def _day(day: date) -> str:
    return f"{DAYS[day.weekday()]} {day.day} {MONTHS[day.month - 1]}"


def _time(text: str) -> str:
    return _clock(time.fromisoformat(text))


def _datetime(text: str) -> str:
    at = datetime.fromisoformat(text)
    return f"{_day(at)} at {_clock(at.time())}"


def _clock(at: time) -> str:
    hour = SMALL[at.hour % 12 or 12]
    following = SMALL[(at.hour + 1) % 12 or 12]
    match at.minute:
        case 0:
            return {0: "midnight", 12: "noon"}.get(at.hour, f"{hour} o'clock")
        case 15:
            return f"quarter past {hour}"
        case 30:
            return f"half past {hour}"
        case 45:
            return f"quarter to {following}"
        case minute if minute < 10:
            return f"{hour} oh {SMALL[minute]}"
        case minute:
            return f"{hour} {_below_sixty(minute)}"


def _below_sixty(number: int) -> str:
    if number < len(SMALL):
        return SMALL[number]
    tens, ones = divmod(number, 10)
    return f"{TENS[tens]}-{SMALL[ones]}" if ones else TENS[tens]


def _phone(text: str) -> str:
    """Digits one by one, in groups of three, the last one of two to four."""
    digits = text.removeprefix("+")
    if not digits.isdigit():
        raise ValueError(text)
    groups: list[str] = []
    while len(digits) > 4:
        groups.append(digits[:3])
        digits = digits[3:]
    groups.append(digits)
    plus = "plus " if text.startswith("+") else ""
    return plus + ", ".join(" ".join(group) for group in groups)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [
        f"{count} {unit}{'s' if count != 1 else ''}"
        for count, unit in ((hours, "hour"), (minutes, "minute"), (rest, "second"))
        if count
    ]
    return _series(parts) or "no time"


def _series(items: list[str]) -> str:
    return f"{', '.join(items[:-1])} and {items[-1]}" if len(items) > 1 else "".join(items)


SAID: Mapping[str, Callable[[Json], str]] = {
    "date": _date,
    "time": _time,
    "datetime": _datetime,
    "phone": _phone,
    "duration": _duration,
}
