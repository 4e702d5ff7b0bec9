"""Answers: yes or no, one of several values, one of several things just offered."""

import re
from collections.abc import Sequence
from typing import Literal

from orchestrator.dispatch.call import Json
from orchestrator.emulator.words.text import words

__all__ = ["answer", "is_open", "pick", "pick_offered"]

_YES = re.compile(
    r"\b(?:yes|yeah|yep|yup|yah|aye|sure|ok|okay|correct|right|exactly|absolutely|definitely|"
    r"of course|please do|go ahead|go for it|perfect|sounds? good|all good|great|that's fine|"
    r"fine|works for (?:me|us)|that works|do it|do that|i do|i can|i will|i'll (?:be there|come)|"
    r"it is|i am|speaking|that's me|this is (?:he|she|him|her)|affirmative|i confirm|confirmed|"
    r"indeed|lovely|wonderful|brilliant|excellent|certainly|why not|no problem|no worries|"
    r"not a problem|good|see you|you can|please book|happy with that)\b(?!')",
    re.IGNORECASE,
)
_NO = re.compile(
    r"\b(?:no|nope|nah|not|wrong|incorrect|stop|wait|cancel|never mind|hold on|negative|"
    r"unfortunately|rather not|neither|none|don't|doesn't|didn't|isn't|can't|cannot|won't|"
    r"wouldn't|aren't|forget it|leave it)\b",
    re.IGNORECASE,
)
_NO_THAT_IS_YES = re.compile(
    r"\b(?:no problem|no worries|not a problem|why not|not bad|can't wait|"
    r"no,? that(?:'s| is| was| will be| would be|'ll be) (?:all|fine|"
    r"it|good|perfect|right|correct|great)|no changes?|nothing else|not at all)\b",
    re.IGNORECASE,
)
_OPEN = re.compile(
    r"\b(?:do(?:es)?n't (?:mind|matter)|no preference|whatever|whichever|wherever|anywhere|either|"
    r"anything|any (?:one|of them|is|will|works)|up to you|not fussy|makes no difference)\b",
    re.IGNORECASE,
)
_OPEN_VALUES = ("any", "either", "all", "both", "none", "no_preference", "whatever")
_MOST_WORDS = 8


def answer(text: str) -> Literal["yes", "no"] | None:
    """Whether the words say yes or no. Long talk, both at once and questions are neither."""
    if _NO_THAT_IS_YES.search(text):
        return "yes"
    yes, no = _YES.search(text), _NO.search(text)
    first = min((match.start() for match in (yes, no) if match), default=0)
    if (yes and no and yes.start() < no.start()) or (text.endswith("?") and first):
        return None
    if no:
        return "no" if _near_start(text, no) else None
    return "yes" if yes and (_near_start(text, yes) or len(words(text)) <= _MOST_WORDS) else None


def is_open(text: str) -> bool:
    """Whether the caller has no preference."""
    return bool(_OPEN.search(text))


def pick(
    text: str,
    values: Sequence[Json],
    near: Sequence[frozenset[str]],
    said: frozenset[str],
    *,
    asked: bool,
) -> Json:
    """The value that the caller named, or None.

    `near` holds the concepts of each value, `said` those of the text. A value that means
    `no matter` is only taken for such words, or for itself when it was asked for.
    """
    if is_open(text):
        for value in values:
            if str(value).lower() in _OPEN_VALUES:
                return value
    spoken = f" {' '.join(words(text))} "
    best = None
    for value, concepts in zip(values, near, strict=True):
        plain = " ".join(words(str(value).replace("_", " ")))
        if plain in _OPEN_VALUES and not asked:
            continue
        if f" {plain} " in spoken:
            return value
        if best is None and concepts and concepts <= said:
            best = value
    return best


def pick_offered(text: str, offered: Sequence[str]) -> str | None:
    """Which of the things offered, in the order they were offered: `the later one`, `the first`."""
    if not offered:
        return None
    choices = {
        r"\b(?:later|latest)\b": max(offered),
        r"\b(?:earlier|earliest|sooner|soonest)\b": min(offered),
        r"\b(?:first|former)\b": offered[0],
        r"\b(?:second|other|latter)\b": offered[min(1, len(offered) - 1)],
        r"\blast\b": offered[-1],
        r"\b(?:either|both|whichever|any of)\b": offered[0],
    }
    for pattern, choice in choices.items():
        if re.search(pattern, text, re.IGNORECASE):
            return choice
    return offered[0] if len(offered) == 1 and answer(text) == "yes" else None


def _near_start(text: str, match: re.Match[str]) -> bool:
    return len(words(text[: match.start()])) <= 3
