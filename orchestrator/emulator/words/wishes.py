"""Which of the offered tools the caller's words are about.

A word that few tools have says more than one that many have. The values in a sentence
(a number, a day) count a little: sample phrases hold values of the same kinds.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from orchestrator.dispatch.call import Json
from orchestrator.emulator.words.filling import kind_of
from orchestrator.emulator.words.finding import find
from orchestrator.emulator.words.layout import Parameter, Tool
from orchestrator.emulator.words.similarity import (
    GROUPS,
    VALUES,
    concepts,
    is_question,
    is_request,
    salient,
    subject,
)
from orchestrator.emulator.words.text import sentences, table, words

__all__ = ["Wish", "argument", "is_search", "wishes"]

_LEAST = 0.5
_GROUP = 1.6  # words with near words are mostly what somebody wants to do
_WITHOUT_NO = 0.4  # `it did not work` is hardly meant by words without a no
_VALUE = 0.25
_REQUEST = 0.25  # `we would like …` goes with a value or a word, it is never enough
_ANSWER = 0.6  # yes and no: the asked question matters more than other likeness
_NOTHING = frozenset[str]()
_SEARCHES = frozenset({"search", "find", "query", "look", "lookup", "question"})
_KNOWLEDGE = frozenset(
    table("knowledge article articles problem problems fix fixes help faq guide")
)
_TROUBLES = frozenset(
    table("problem ¬work ¬start slow broken stuck lost locked frozen crash fail fault hang")
)
_BACK = re.compile(
    r"^(?:(?:no|well|sorry|but|and|so|oh|still|unfortunately)\b,? )*"
    r"(?:it|its|it's|that|that's|this|they|these|those|nothing|none|neither|nor)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Wish:
    """`sentence` is what made us think of `tool`; `question`: the caller wants to know;
    `trouble`: something does not work, and the tool may know why."""

    tool: Tool
    sentence: str
    question: bool
    score: float
    trouble: bool = False

    @property
    def strong(self) -> bool:
        """Whether it is said in so many words what is wanted."""
        return self.score >= _GROUP


def wishes(tools: Sequence[Tool], text: str, today: date | None) -> list[Wish]:
    """The tools that the text is like, the likest first."""
    about = {tool.name: _about(tool, today) for tool in tools}
    found = list[Wish]()
    for sentence in sentences(text):
        said = concepts(sentence, find(sentence, today))
        asks, extra = is_question(sentence), _REQUEST if is_request(sentence) else 0.0
        scores = [(_score(said, tool.name, about) + extra, tool) for tool in tools]
        found += [Wish(tool, sentence, asks, score) for score, tool in scores if score >= _LEAST]
    found.sort(key=lambda each: -each.score)
    return [*found, *_searches(tools, text), *_troubles(tools, text)]


def argument(parameter: Parameter, tool: Tool, text: str, used: Sequence[str]) -> Json:
    """Words for a text parameter: what the question is about, less what the tool is about.

    `used` are the parameters that have a value already; their names are spent. What is
    searched for may be nothing in particular; other parameters need a word. A sentence about
    `it` or `that` names nothing.
    """
    if kind_of(parameter) not in ("text", "name"):
        return None
    text = " ".join(
        each for each in sentences(text) if not _BACK.match(each) or subject(each, _NOTHING)
    )
    if not text:
        return None
    spent = concepts(" ".join(used))
    about = concepts(f"{tool.name} {tool.about} {parameter.name}") | spent
    if is_search(tool):
        return salient(text, about)
    return subject(text, about) or salient(text, about) or None


def _about(tool: Tool, today: date | None) -> list[frozenset[str]]:
    """The concepts of each phrase that describes the tool."""
    name = tool.name.removeprefix(f"{tool.role}_").rpartition("__")[2]
    phrases = [f"{name}. {tool.about}", *tool.examples]
    about = [concepts(phrase, find(phrase, today)) for phrase in phrases]
    if any(concept.startswith("¬") for concept in about[0]):
        about[0] |= {"no"}
    return about


def _score(said: frozenset[str], name: str, about: Mapping[str, Sequence[frozenset[str]]]) -> float:
    """The weights of what both have; ties go to the tool that is covered best."""
    mine = frozenset[str]().union(*about[name])
    both = said & mine
    values = both & VALUES
    weight = sum(_weight(concept) / _spread(concept, about) for concept in both - VALUES)
    weight += sum(_VALUE / _spread(concept, about) for concept in sorted(values)[:2])
    coverage = max(len(said & phrase) / (len(phrase) or 1) for phrase in about[name])
    if _is_negative(mine) and not _is_negative(said):
        weight *= _WITHOUT_NO
    return weight + 0.1 * coverage if weight else 0.0


def _is_negative(about: frozenset[str]) -> bool:
    return any(concept == "no" or concept.startswith("¬") for concept in about)


def _weight(concept: str) -> float:
    if concept in GROUPS:
        return _GROUP
    return _ANSWER if concept in ("yes", "no") else 1.0


def _spread(concept: str, about: Mapping[str, Sequence[frozenset[str]]]) -> int:
    return sum(any(concept in phrase for phrase in phrases) for phrases in about.values())


def _searches(tools: Sequence[Tool], text: str) -> list[Wish]:
    """A question that is like nothing goes to a tool that searches, if there is one."""
    asked = [each for each in sentences(text) if is_question(each) and salient(each, _NOTHING)]
    searches = sorted(filter(is_search, tools), key=lambda tool: not _knows(tool))
    return [
        Wish(tool, sentence, question=True, score=0.0) for sentence in asked for tool in searches
    ]


def _troubles(tools: Sequence[Tool], text: str) -> list[Wish]:
    """What does not work goes to a tool that searches in what is known about problems."""
    told = [each for each in sentences(text) if concepts(each) & _TROUBLES]
    knowing = [tool for tool in tools if is_search(tool) and _knows(tool)]
    return [
        Wish(tool, sentence, question=False, score=0.0, trouble=True)
        for sentence in told
        for tool in knowing
    ]


def _knows(tool: Tool) -> bool:
    described = [tool.name.replace("_", " "), tool.about, *(p.description for p in tool.parameters)]
    return bool(_KNOWLEDGE.intersection(words(" ".join(described))))


def is_search(tool: Tool) -> bool:
    """Whether the tool looks for something by words."""
    if tool.role or not any(kind_of(each) == "text" for each in tool.parameters):
        return False
    named = [tool.name.replace("_", " "), tool.about, *(each.name for each in tool.parameters)]
    return bool(_SEARCHES.intersection(words(" ".join(named))))
