"""How much two sentences are about the same: by words, word stems and near words.

A *concept* is a stem, or the label of a group of words that mean much the same on the
telephone. `¬x` is a negated one. The groups are general English and few; they make common
phrasings meet the author's sentence, they are no dictionary.
"""

import re
from collections.abc import Iterable

from orchestrator.emulator.words.choices import answer
from orchestrator.emulator.words.text import Found, table, words

__all__ = [
    "GROUPS",
    "VALUES",
    "concepts",
    "is_question",
    "is_request",
    "salient",
    "stem",
    "subject",
]

_PLACEHOLDERS = {"number": "[number]", "date": "[date]", "time": "[time]", "name": "[name]"}
VALUES = frozenset(_PLACEHOLDERS.values())
"""What stands for values."""

_GROUPS = {
    "person": "person human someone somebody agent operator representative manager colleague "
    "real staff receptionist supervisor advisor assistant employee | speak to | talk to | "
    "speak with | talk with | put me through | transfer me | connect me",
    "hours": "hours open opens opening close closes closing closed shut shuts | "
    "what time are you | until when | how late | how early",
    "address": "address where located location directions situated street | find you | "
    "get to you | get there",
    "book": "book booking reserve reservation reserving schedule arrange",
    "change": "change changes move reschedule modify amend alter postpone shift swap update "
    "another different other edit correct corrects correction instead adjust | push back | "
    "put off | bring forward",
    "cancel": "cancel cancels cancelling cancellation drop scrap | call off | call it off",
    "give-up": "| give up | gives up | giving up | never mind | nevermind | forget it | "
    "forget about it | leave it | don't bother | no thanks | no thank you | not interested | "
    "somewhere else | try elsewhere | another place | too bad | skip it | none of those | "
    "none of them",
    "done": "done finished bye goodbye cheerio | that's all | that is all | nothing else | "
    "that's it | that was all | that was it | that will be all | that'll be all | "
    "that would be all | that's everything | that is everything | that was everything | all set | "
    "hang up | no more questions",
    "solved": "solved resolved fixed sorted | it works | works now | working now | working again | "
    "that worked | did the trick",
    "¬work": "unsolved | no luck | same problem | no difference | still happening | "
    "didn't help | did not help | still broken | to no avail",
    "¬come": "| can't make it | cannot make it | won't make it | not able to come | "
    "unable to come | not coming | won't be there | not going to make it",
    "yes": "yes confirm confirms confirmed agree agrees accept accepts",
    "no": "no wrong decline declines refuse refuses deny denies mistaken",
    "help": "help support assist assistance",
    "allergen": "allergen allergens allergy allergies allergic contain contains containing "
    "intolerant intolerance gluten lactose dairy nut nuts",
    "price": "price prices cost costs charge charges fee fees expensive cheap | how much",
    "problem": "problem problems issue issues trouble error",
    "vegetarian": "vegetarian vegetarians veggie meatless | without meat | no meat",
    "network": "network wifi internet",
    "inside": "inside indoor indoors",
    "outside": "outside outdoor outdoors terrace patio garden",
    "tonight": "tonight",
    "status": "status progress track tracking",
    "message": "message messages voicemail note",
    "complaint": "complaint complaints complain complaining unhappy dissatisfied",
    "payment": "pay paying payment payments bill invoice",
}
_STOP = frozenset(
    table("""
    a about ah all also am an and any anything are as at be been being but by call called caller
    callers calling can could d did do does doing for from get gets getting give gives go going got
    had has have he hello her hey hi him his how i if in into is it its just know let like ll
    look looking make makes may maybe me might more most must my need needs of off oh on one
    only or our out please put re s said say says see shall she should so some something
    still such t take tell than thank thanks that the their them then there these they thing things
    this those to too try trying um uh up us ve very want wanted wants was we well were what when
    which who why will with wish wishes would you your yours ask asks asking i'd i'm i've i'll we'd
    we're we'll we've it's that's what's there's you're let's good sorry hear free
    """)
)
_NOT = frozenset(
    table(
        "not cannot can't don't doesn't didn't isn't aren't wasn't won't wouldn't couldn't never "
        "nor"
    )
)
_QUESTION = re.compile(
    r"^(?:(?:hi|hello|hey|sorry|and|so|but|oh|ok|okay|excuse me|actually|well|um|uh|"
    r"by the way|also|quick question|just wondering|tell me|one question|before that|first)[,:]? )*"
    r"(?:what|when|where|which|who|how|why|is|are|do|does|did|has|have|whats|what's|where's|"
    r"when's|how's|any|till when|until when)\b",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"\b(?:tell me|know|wondering|ask) (?:about|if|whether|what|when|where|which|how)\b|"
    r"\ballergic\b",
    re.IGNORECASE,
)


GROUPS = frozenset(_GROUPS) - {"yes", "no"}
"""The labels of the groups of near words."""


def _tables() -> tuple[dict[str, str], list[tuple[str, str]]]:
    single, phrases = dict[str, str](), list[tuple[str, str]]()
    for label, group in _GROUPS.items():
        first, *rest = group.split("|")
        single.update(dict.fromkeys(first.split(), label))
        phrases += [(f" {' '.join(phrase.split())} ", label) for phrase in rest]
    return single, phrases


_SINGLE, _PHRASES = _tables()


def concepts(text: str, found: Iterable[Found] = ()) -> frozenset[str]:
    """What the text is about. Values found in it stand as placeholders of their kind."""
    placed = set[str]()
    for item in found:
        placed.add(_PLACEHOLDERS.get(item.kind, ""))
        text = text[: item.start] + " " * (item.end - item.start) + text[item.end :]
    spoken = f" {' '.join(words(text.replace('_', ' ')))} "
    for phrase, label in _PHRASES:
        if phrase in spoken:
            placed.add(label)
            spoken = spoken.replace(phrase, " ")
    placed |= _by_word(spoken.split())
    if reply := answer(text):
        placed.add(reply)
    return frozenset(placed - {""})


def is_question(sentence: str) -> bool:
    """Whether the caller wants to know something, rather than asks to have it done."""
    return bool(_QUESTION.match(sentence) or _ASKS.search(sentence))


_REQUEST = re.compile(
    r"\b(?:(?:i|we)(?:'d| would)? (?:really |also |just )?"
    r"(?:like|love|want|need|wish|have to|hope)|"
    r"(?:can|could|may|might) (?:i|we|you)|please)\b",
    re.IGNORECASE,
)


def is_request(sentence: str) -> bool:
    """Whether the caller asks to have something done."""
    return bool(_REQUEST.search(sentence))


def salient(text: str, without: frozenset[str]) -> str:
    """The words that carry the meaning, but for those of `without` (concepts)."""
    said = [word for word in words(text) if word not in _STOP | _NOT | _ASKING]
    kept = [_singular(word) for word in said if not _by_word([word]) & without]
    return " ".join(kept)


_ASKING = frozenset(
    table(
        """
        anyone serve offer sell provide find search kind kinds sort sorts type types yes no today
        question wondering available ok okay safe fine suitable day
        recommend suggest options option which
        """
    )
)


_SUBJECT = re.compile(
    r"\b(?:(?:in|with|of|about|on|to|for) )?(?:the|your|a|an|my) (?P<words>[^,.?!;]+)",
    re.IGNORECASE,
)


def subject(text: str, without: frozenset[str]) -> str:
    """The thing that a question is about: the words after the last `the`, up to a verb."""
    for match in reversed([*_SUBJECT.finditer(text)]):
        named = list[str]()
        for word in words(match["words"]):
            if word in _STOP or word in _NOT or word in _ASKING or _by_word([word]) & without:
                break
            named.append(word)
        if named:
            return " ".join(named)
    return ""


def _singular(word: str) -> str:
    if word.endswith(("ches", "shes", "sses", "xes")):
        return word[:-2]
    plural = word.endswith("s") and not word.endswith(("ss", "us", "is"))
    return word[:-1] if plural and len(word) > 3 else word


def stem(word: str) -> str:
    """A word without its common endings."""
    word = word.removesuffix("'s")
    for ending, least in (("ies", 5), ("ing", 6), ("ed", 5), ("es", 5), ("s", 4), ("e", 4)):
        if word.endswith(ending) and len(word) >= least and not word.endswith("ss"):
            return word.removesuffix(ending) + ("y" if ending == "ies" else "")
    return word


def _by_word(spoken: list[str]) -> set[str]:
    result = set[str]()
    negated = False
    for word in spoken:
        if word in _NOT:
            negated = True
        elif word not in _STOP:
            concept = _SINGLE.get(word) or stem(word)
            denied = f"¬{word}" if f"¬{word}" in _GROUPS else f"¬{concept}"
            result.add(denied if negated else concept)
            negated = False
    return result
