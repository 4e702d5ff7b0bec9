"""Text as the other modules read it, and what is found in it."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from orchestrator.dispatch.call import Json

__all__ = ["Found", "Kind", "blank", "join", "sentences", "table", "tidy", "words"]

Kind: TypeAlias = Literal["number", "date", "time", "phone", "email", "name"]


@dataclass(frozen=True, slots=True)
class Found:
    """A value and where it stands in the tidied text.

    `sure` is false where the words can mean something else: a bare number, an hour that
    may be of the morning or of the evening.
    """

    kind: Kind
    value: Json
    start: int
    end: int
    sure: bool = True


_PUNCTUATION = str.maketrans({"\u2019": "'", "\u2013": "-", "\u2014": "-"})


def tidy(text: str) -> str:
    """One spelling of apostrophes, dashes, `a.m.` and spaces."""
    text = text.translate(_PUNCTUATION)
    text = re.sub(r"\b([ap])\.\s?m\b\.?", r"\1m", text, flags=re.IGNORECASE)
    return re.sub(r"\s+", " ", text).strip()


def table(text: str) -> list[str]:
    """The words of a table that stands in the source."""
    return text.split()


def sentences(text: str) -> list[str]:
    """The sentences of tidied text, each with its closing mark."""
    return [part for part in re.split(r"(?<=[.?!;])\s+", text) if part]


def words(text: str) -> list[str]:
    """Lower-case words; apostrophes stay inside."""
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*", text.lower())


def blank(text: str, found: Iterable[Found]) -> str:
    """The text with what was found taken out; every other character keeps its place."""
    for item in found:
        text = text[: item.start] + "\0" * (item.end - item.start) + text[item.end :]
    return text


def join(parts: Sequence[str], word: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {word} {parts[-1]}"
