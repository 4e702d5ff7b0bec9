"""All the values in one text. What one kind has taken is not read again by the next."""

import re
from collections.abc import Callable
from datetime import date

from orchestrator.emulator.words.dates import find_dates
from orchestrator.emulator.words.names import find_closing_name, find_names
from orchestrator.emulator.words.numbers import find_numbers
from orchestrator.emulator.words.phones import find_emails, find_phones
from orchestrator.emulator.words.text import Found, blank
from orchestrator.emulator.words.times import find_times

__all__ = ["find"]

_NOT = ("not", "isn't", "not on", "not at", "not for", "than", "instead of", "rather than")

_RULED_OUT = re.compile(
    r" (?:(?:is|are|would be|might be) (?:\w+ )?(?:too|no good|not)|(?:doesn't|won't|does not|"
    r"will not) (?:work|suit|do)|isn't|is out)\b",
    re.IGNORECASE,
)


def find(text: str, today: date | None, *, name_asked: bool = False) -> list[Found]:
    """The values in tidied text, in the order they were said, without those ruled out
    (`not Friday`). Without a day no dates are found."""
    kinds: list[Callable[[str], list[Found]]] = [
        find_emails,
        lambda rest: find_dates(rest, today) if today else [],
        find_phones,
        find_times,
        lambda rest: find_names(rest, asked=name_asked),
        find_numbers,
    ]
    found = list[Found]()
    for find_kind in kinds:
        found += find_kind(blank(text, found))
    if found and not any(item.kind == "name" for item in found):
        found += find_closing_name(blank(text, found))
    kept = [
        item
        for item in found
        if not text[: item.start].rstrip().lower().endswith(_NOT)
        and not _RULED_OUT.match(text, item.end)
    ]
    return sorted(kept, key=lambda item: item.start)
