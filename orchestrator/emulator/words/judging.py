"""Answers beside the conversation: one of some words, or what was said so far.

A choice goes by near words: a value that stands in what the caller said last, then before that;
a few moods, by the words that show them. Where nothing suggests a value, it is the one that
stands for none (`other`), else the first. A summary is mechanical: what each side said, in order.
"""

import re
from collections.abc import Sequence

from orchestrator.emulator.words.layout import View
from orchestrator.emulator.words.similarity import concepts
from orchestrator.emulator.words.text import table, words

__all__ = ["choose", "summarise"]

_NONE = frozenset(table("other none unknown unclear neutral no nothing else calm normal"))
_MOODS = {
    "angry": "angry furious mad outraged ridiculous unacceptable terrible awful useless rude",
    "upset": "upset annoyed frustrated unhappy disappointed fed tired bad sorry worried",
    "happy": "happy glad great pleased delighted wonderful perfect lovely thanks thank",
}
_LONGEST = 160


def choose(view: View) -> str:
    """The value that the words suggest; a yes where they are about what is asked."""
    spoken = [turn.text for turn in reversed(view.turns) if turn.text]
    if {choice.lower() for choice in view.choices} == {"yes", "no"}:
        asked = _about(view.classify)
        return "yes" if any(asked & _about(text) for text in spoken[:1]) else "no"
    for text in spoken:
        scores = {choice: len(_about(choice) & _about(text)) for choice in view.choices}
        best = max(scores, key=lambda choice: scores[choice], default="")
        if scores.get(best):
            return best
    return next((choice for choice in view.choices if choice.lower() in _NONE), view.choices[0])


def _about(text: str) -> frozenset[str]:
    said = set(words(text.replace("_", " ")))
    moods = {mood for mood, shown in _MOODS.items() if said & {mood, *shown.split()}}
    about = {concept.removeprefix("¬") for concept in concepts(text.replace("_", " "))}
    return frozenset(about - {"yes", "no", "[name]"} | moods)


def summarise(view: View) -> str:
    """Who said what, each line cut short."""
    lines = list[str]()
    for turn in view.turns:
        lines += _told("The caller said", [turn.text] if turn.text else [])
        lines += _told("The agent said", turn.said)
    return " ".join(lines) or "Nothing was said yet."


def _told(who: str, texts: Sequence[str]) -> list[str]:
    return [f"{who}: {_short(text)}" for text in texts]


def _short(text: str) -> str:
    if len(text) > _LONGEST:
        text = text[:_LONGEST].rpartition(" ")[0] + " …"
    return re.sub(r"(?<![.?!…])\Z", ".", text)
