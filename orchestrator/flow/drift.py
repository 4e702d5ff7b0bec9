"""How far what was said is from what should have been said. Pure.

A voice model says an author's words, it does not play them: it may add, leave out or change.
"""

import re
from difflib import SequenceMatcher

__all__ = ["THRESHOLD", "likeness"]

THRESHOLD = 0.85
"""Less like than this is told as `say.drift`. A guess, to be measured with real voices."""


def likeness(wanted: str, said: str) -> float:
    """From 0 to 1: the share of words that both have in the same order; case and marks aside."""
    matcher = SequenceMatcher(None, _words(wanted), _words(said), autojunk=False)
    return round(matcher.ratio(), 3)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())
