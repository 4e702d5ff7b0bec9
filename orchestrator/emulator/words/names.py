"""People's names: what follows `name is`, `under`, `it's` … or stands alone when asked for.

Words that introduce a name and nothing else (`my name is`) take any spelling. Words that
introduce much besides (`for`, `it's`) need a capital letter, unless a name was just asked.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from orchestrator.emulator.words.text import Found, table, words

__all__ = ["find_closing_name", "find_names"]

_WORD = r"[^\W\d_][^\W\d_'-]*(?:['-][^\W\d_]+)*"
_STRONG = re.compile(
    r"\b(?:names? (?:is|of|will be|would be|are|should be|to)|name's|under(?: the name(?: of)?)?"
    r"|in the name|call me|i'm called|i am called|(?:sur|last |first |family )?name:?"
    r"|name,)(?: of)?(?: (?:mr|mrs|ms|miss|dr)\b\.?)? ",
    re.IGNORECASE,
)
_WEAK = re.compile(
    r"\b(?:it's|it is|this is|i'm|i am|that's|that is|not [^\W\d]+,|for|put|with|as)"
    r"(?P<title> (?:mr|mrs|ms|miss|dr)\b\.?)? (?:for )?",
    re.IGNORECASE,
)
_SPEAKING = re.compile(rf"\b(?P<name>{_WORD}(?: {_WORD})?),? (?:speaking|here)\b", re.IGNORECASE)
_CLOSING = re.compile(rf", (?P<name>[A-Z][\w'-]+(?: {_WORD})*)(?:,? please)?[.!]?$")
_NAME = re.compile(_WORD)
_PARTICLES = frozenset(table("de da di del della der den van von la le el al bin mac st"))
_NOT_NAMES = frozenset(
    table("""
    a about actually again ah all allergic also am an and any anyone anything are as at back be
    because booking both but by call called calling can can't christmas correct could day days
    dinner do does don't done each easter eight eleven evening everyone exactly everything fine
    first five for four friday from go good goodbye great half have he hello her here hey hi his
    hm hmm how however i i'd i'll i'm if in inside is it it's just later lunch make maybe me mine
    monday more morning my myself name nine no nobody noon nope not nothing now of off ok okay on
    one only or our out outside party pardon perfect please quarter really reservation right
    saturday say second seven she six so some someone something sorry speaking spelled spelt
    sunday sure ten than thank thanks that that's the their them then there these they this those
    three thursday time to today tomorrow tonight too tuesday twelve twenty two uh um under us
    wait we we're wednesday well what when where which who why will with would wrong yeah yep yes
    you your hang hold moment think guess believe looking afraid trying wondering interested
    birthday tell give bye ready free same whatever never none nah change cancel
    january february march april june july august september october november december
    """)
)


def find_names(text: str, *, asked: bool) -> list[Found]:
    """The names in the text. `asked`: the caller was just asked for one."""
    introduced = [*_introduced(text, asked)]
    if introduced or not asked or text.endswith("?"):
        return introduced
    return _alone(text)


def find_closing_name(text: str) -> list[Found]:
    """The name that ends a list of details: `four people at eight, Martin`."""
    match = _CLOSING.search(text)
    return [*_name_at(text, match.start("name"), capital=True)] if match else []


def _introduced(text: str, asked: bool) -> Iterator[Found]:
    """The names with what introduces them: those words are about nothing else."""
    for match in _STRONG.finditer(text):
        for name in _name_at(text, match.end(), capital=False):
            yield replace(name, start=match.start())
    for match in _WEAK.finditer(text):
        for name in _name_at(text, match.end(), capital=not (asked or match["title"])):
            yield replace(name, start=match.start())
    for match in _SPEAKING.finditer(text):
        yield from _name_at(text, match.start("name"), capital=False)


def _alone(text: str) -> list[Found]:
    """The whole text as a name, if it is no more than that."""
    opening = re.match(
        r"(?:(?:sure|yes|yeah|ok|okay|well|uh|um|oh|hi|so),? )*", text, re.IGNORECASE
    )
    found = [*_name_at(text, opening.end() if opening else 0, capital=False)]
    rest = words(text[found[0].end :]) if found else []
    return found if all(word in _NOT_NAMES for word in rest) else []


def _name_at(text: str, start: int, *, capital: bool) -> Iterator[Found]:
    """The name that begins at `start`: at most four words, ended by one that is no name."""
    end, parts = start, list[str]()
    while len(parts) < 4 and (match := _NAME.match(text, end)):
        if not _may_be(match[0], capital):
            break
        parts.append(match[0])
        start, end = (start, match.end() + 1) if text[match.end() :][:1] == " " else (start, -1)
        if end < 0:
            end = match.end()
            break
    while parts and parts[-1].lower() in _PARTICLES:
        parts.pop()
    if parts:
        name = " ".join(parts)
        yield Found("name", _cased(name), start, start + len(name))


def _may_be(word: str, capital: bool) -> bool:
    plain = word.lower()
    if plain in _PARTICLES:
        return True
    return plain not in _NOT_NAMES and (word[0].isupper() or not capital)


def _cased(name: str) -> str:
    if name != name.lower():
        return name
    return " ".join(
        word if word in _PARTICLES else "-".join(part.capitalize() for part in word.split("-"))
        for word in name.split(" ")
    )
