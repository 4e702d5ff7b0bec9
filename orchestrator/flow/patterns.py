"""Regular expressions that cannot run away. Pure.

Python's matcher backtracks: `(a+)+$` takes years on forty letters. A pattern may therefore
not repeat what repeats or branches, may hold few open repeats, and sees short texts only.
"""

import importlib
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

__all__ = ["Pattern", "compile_pattern", "finder"]

MAX_SUBJECT = 200
MAX_PATTERN = 200
MAX_OPEN_REPEATS = 4
MAX_WATCHED = 2000
"""Characters at the end of a long text that are searched at all."""
REPEATS = frozenset({"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"})


class Pattern(Protocol):
    def __call__(self, text: str, *, whole: bool) -> bool: ...


def compile_pattern(source: str) -> Pattern | str:
    """A test for texts (longer than 200 characters: false), or why the pattern is refused."""
    if len(source) > MAX_PATTERN:
        return f"the pattern is longer than {MAX_PATTERN} characters"
    if re.match(r"\(\?[aiLmsux]+\)", source):
        return "a pattern has no flags such as (?i): the model's JSON Schema does not know them"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compiled = re.compile(source)
            parsed: Any = importlib.import_module("re._parser").parse(source)
    except (re.error, RecursionError, OverflowError) as error:
        return f"this is not a regular expression: {error}"
    if _open_repeats(parsed, inside=False) > MAX_OPEN_REPEATS:
        return "the pattern repeats what repeats or branches, or too often: it might never end"

    def test(text: str, *, whole: bool) -> bool:
        if len(text) > MAX_SUBJECT:
            return False
        return bool(compiled.fullmatch(text) if whole else compiled.search(text))

    return test


def finder(source: str) -> Callable[[str], bool] | str:
    """A search of texts of any length, or why the pattern is refused.

    It sees the text's end, piece by piece: a match of more than 100 characters may be missed.
    """
    pattern = compile_pattern(source)
    if isinstance(pattern, str):
        return pattern
    return lambda text: any(pattern(piece, whole=False) for piece in _pieces(text))


def _pieces(text: str) -> Iterator[str]:
    """Pieces that overlap by half and begin with a word, where words are short enough."""
    rest = text[-MAX_WATCHED:]
    while len(rest) > MAX_SUBJECT:
        yield rest[:MAX_SUBJECT]
        half = MAX_SUBJECT // 2
        space = rest.rfind(" ", half // 2, half)
        rest = rest[space + 1 if space > 0 else half :]
    yield rest


def _open_repeats(parsed: Iterable[Any], *, inside: bool) -> int:
    """How many repeats of varying length there are; too many if one is inside of another."""
    count = 0
    for operator, argument in parsed:
        name = str(operator)
        if name in REPEATS:
            least, most, body = argument
            varies = most != least and most > 1
            if inside and most != least:
                return MAX_OPEN_REPEATS + 1
            count += varies + _open_repeats(body, inside=inside or most > 1)
        elif name in ("BRANCH", "GROUPREF", "GROUPREF_EXISTS") and inside:
            return MAX_OPEN_REPEATS + 1
        else:
            count += sum(_open_repeats(part, inside=inside) for part in _parts(argument))
    return count


def _parts(argument: Any) -> Iterable[Any]:
    """Patterns inside of an operator's argument, however deep its tuples hold them."""
    if type(argument).__name__ == "SubPattern":
        yield argument
    elif isinstance(argument, tuple | list):
        for part in argument:  # pyright: ignore[reportUnknownVariableType]
            yield from _parts(part)
