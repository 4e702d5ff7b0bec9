"""What a goal, written for a model, comes to when it is said to the caller.

Sentence by sentence: a few speech acts (thank, take leave, ask, tell, offer) have their
words, news for the caller (a statement with a value in it) is said as it stands, and
orders to the model are not said at all.
"""

import re
from collections.abc import Callable, Iterable, Sequence

from orchestrator.dispatch.call import Json
from orchestrator.emulator.words.finding import find
from orchestrator.emulator.words.layout import Asked
from orchestrator.emulator.words.similarity import concepts, is_question
from orchestrator.emulator.words.telling import closed, confirming
from orchestrator.emulator.words.text import join, sentences, table

__all__ = ["GREETING", "OFFER", "ask_for", "details", "look_up", "news", "perform"]

GREETING = "Hello!"
OFFER = "I could offer"

_ORDERS = frozenset(
    table("""
    accept act add ask answer apologise apologize always avoid be book call check collect confirm
    do don't end ensure explain find follow get give greet handle help if inform keep let listen
    make mention never note offer only open promise read remind repeat say solve speak start state
    suggest take talk tell thank then try understand use verify wait walk welcome when wish
    """)
)
_TO_YOU = [
    (r"\b(?:the caller|the customer|the user|the person|they|he|she) (?:is|are|'s)\b", "you are"),
    (r"\b(?:the caller|the customer|the user|the person|they|he|she) (?:has|have)\b", "you have"),
    (r"\b(?:the caller|the customer|the user|they|he|she) wants\b", "you want"),
    (r"\b(?:the caller|the customer|the user|the person|they|he|she)\b", "you"),
    (r"\b(?:the caller's|the customer's|their|his|her)\b", "your"),
    (r"\bthem\b", "you"),
]
_READ_BACK = re.compile(r"(?:confirm|read|repeat)\b[^:.]*: (.+)$", re.IGNORECASE)
_MODAL = r"(?:can|could|will|would|should|may|might|must)"
_IN_BRACKETS = re.compile(r"\b((?:our|the) [\w ]+) \(([^)]+)\)", re.IGNORECASE)
_STILL_THERE = "Are you still there?"

_Say = Callable[[re.Match[str]], str]


def _to_you(text: str) -> str:
    for pattern, word in _TO_YOU:
        text = re.sub(pattern, word, text, flags=re.IGNORECASE)
    return text.strip(" .?!,;")


def _whether(match: re.Match[str]) -> str:
    """`whether they can come` as a question."""
    text = _to_you(match[1])
    subject, _, rest = text.partition(" ")
    modal = re.match(rf"(.+?) (is|are|was|were|has|have|{_MODAL})\b ?(.*)", text)
    if modal and (subject == "you" or modal[2] not in ("has", "have")):
        return closed(f"{modal[2]} {modal[1]} {modal[3]}".strip(), "?")
    return closed(f"do {subject} {rest}", "?") if subject == "you" else closed(text, "?")


def _offer(match: re.Match[str]) -> str:
    options = [each.strip(" .") for each in re.split(r",| or ", match[1]) if each.strip(" .")]
    return f"{OFFER} {join(options[:2], 'or')}." if options else "I have nothing else to offer."


def _ask(match: re.Match[str]) -> str:
    return f"Could you tell me {_to_you(match[1])}?"


def _tell(match: re.Match[str]) -> str:
    return closed(_to_you(match[1].partition(", then ")[0]))


_ASK = r"\bask (?:\w+ly )?(?:them |the caller )?"
_TELL = (
    r"(?:^|(?:,|\band|\bthen) )(?:tell|inform|remind|let|explain(?: to)?|say)(?: to)?"
    r"(?: the caller| them)?(?: know)?"
)
_TELL_THAT = rf"{_TELL} that ([^.?!]+(?:\.\d+)?)"
_HELP = r"what (?:the caller|they|he|she) wants?|how (?:you|we|to) (?:can )?help"
_ACTS: list[tuple[str, str | _Say]] = [
    (r"\bthank\b", "Thank you for calling."),
    (r"\b(?:goodbye|good-bye|bye|take leave|farewell)\b", "Goodbye!"),
    (r"\b(?:greet|welcome|say hello)\b", GREETING),
    (r"\bapologi[sz]e\b", "I am sorry about that."),
    (r"\bstill there\b", _STILL_THERE),
    (rf"\b(?:{_HELP}|help (?:the caller|them)|answer questions)\b", "How can I help?"),
    (rf"{_ASK}(?:if|whether) ([^.?!]+)", _whether),
    (rf"{_ASK}(?:for|about) ([^.?!;]+)", _ask),
    (rf"{_ASK}((?:what|which|when|where|who|how)\b[^.?!]+)", _ask),
    (r"^(?:get|collect|obtain) ((?:the|their|a|an) [^.?!,;]+)", _ask),
    (r"^offer [^:.]*: ([^!?]+)", _offer),
    (r"^offer (?!at most)([^!?]+)", _offer),
    (_TELL_THAT, _tell),
    (r"\bkeep [\w ]*company\b|\bwork under way\b", "One moment, please."),
]


def perform(goal: str, *, known: Iterable[Json] = ()) -> list[str]:
    """The goal as sentences for the caller; none where it only instructs."""
    if match := _READ_BACK.match(goal):
        return [confirming(match[1])]
    said = list[str]()
    for sentence in _parts(goal):
        said += _acted(sentence) or ([_to_caller(sentence)] if _is_news(sentence, known) else [])
    return list(dict.fromkeys(said))


def news(goal: str) -> str:
    """The goal's statements, whether or not there is a value in them; for want of better words."""
    return " ".join(_to_caller(each) for each in _parts(goal) if not _is_order(each))


def details(goal: str) -> str:
    """An order that holds values (`Book 4 people at 19:30`), put to the caller as a question."""
    for sentence in _parts(goal):
        if _is_order(sentence) and re.search(r"\d", sentence) and not _acted(sentence):
            return confirming(sentence)
    return ""


def look_up(text: str, question: str) -> str:
    """A statement in the text that is about what the question is about, or empty.

    `our opening hours (noon to eleven)` is a statement, too, and so is `tell them that we open
    at noon`.
    """
    about = concepts(question)
    for match in _IN_BRACKETS.finditer(text):
        if about & concepts(match[1]):
            return closed(f"{match[1].strip()}: {match[2]}")
    for sentence in _parts(text) if is_question(question) else ():
        told = re.match(r"(?:we|our|the|it)\b", sentence, re.IGNORECASE)
        if told and about & concepts(sentence):
            return _to_caller(sentence)
        news = re.search(_TELL_THAT, sentence, re.IGNORECASE)
        if news and about & concepts(news[1]):
            return _tell(news)
    return ""


def ask_for(needed: Sequence[Asked]) -> str:
    """A question for the first two values that are needed."""
    if not needed:
        return ""
    return f"Could you tell me {join([_with_article(each.description) for each in needed[:2]])}?"


def _parts(goal: str) -> list[str]:
    return sentences(goal)


def _acted(sentence: str) -> list[str]:
    """The speech acts in one sentence, in the order in which they stand there."""
    if re.match(r"(?:do not|don't|never|avoid|only|if)\b", sentence, re.IGNORECASE):
        return []
    found = [
        (match.start(), act if isinstance(act, str) else act(match))
        for pattern, act in _ACTS
        if (match := re.search(pattern, sentence, re.IGNORECASE))
    ]
    said = [words for _, words in sorted(found, key=lambda item: item[0])]
    return [_STILL_THERE] if _STILL_THERE in said else said


def _is_order(sentence: str) -> bool:
    first = re.match(r"[\w']+", sentence)
    return bool(first) and first[0].lower() in _ORDERS if first else False


def _is_news(sentence: str, known: Iterable[Json]) -> bool:
    """A statement that holds a value: what is filled in is news, the rest is for the model."""
    if _is_order(sentence):
        return False
    values = [str(value).lower() for value in known if isinstance(value, str) and len(value) > 2]
    held = any(item.kind in ("time", "date") for item in find(sentence, None))
    return held or bool(re.search(r"\d", sentence)) or any(v in sentence.lower() for v in values)


def _to_caller(sentence: str) -> str:
    text = sentence
    for pattern, word in _TO_YOU:
        text = re.sub(pattern, word, text, flags=re.IGNORECASE)
    return closed(text)


def _with_article(description: str) -> str:
    text = description.strip().rstrip(".?")
    first = text.split(" ")[0]
    if not first.isupper() or len(first) == 1:
        text = text[:1].lower() + text[1:]
    return (
        text
        if re.match(r"(?:the|a|an|your|what|which|when|whether|how|who|where)\b", text)
        else f"the {text}"
    )
