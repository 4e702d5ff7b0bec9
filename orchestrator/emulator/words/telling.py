"""Outputs of tools as sentences that can be heard."""

import re
from collections.abc import Mapping

from orchestrator.dispatch.call import Json
from orchestrator.emulator.words.text import join

__all__ = ["closed", "problem", "read_back", "tell"]

_MOST = 4
_HEADS = ("name", "title", "label", "text")


def closed(sentence: str, mark: str = ".") -> str:
    """The sentence with a capital letter and a closing mark."""
    sentence = sentence.strip()
    if not sentence:
        return ""
    sentence = sentence[0].upper() + sentence[1:]
    return sentence if sentence[-1] in ".?!" else sentence + mark


def problem(output: Json) -> str:
    """What went wrong with a call, or empty."""
    if not isinstance(output, Mapping):
        return ""
    rejected: Json = output.get("rejected")
    if rejected:
        return " ".join(f"Sorry, the {_plain(name)} {_why(why)}" for name, why in rejected.items())
    return "Sorry, that did not work just now." if output.get("error") else ""


def read_back(output: Json) -> str:
    """The details that need the caller's yes, or empty."""
    if not isinstance(output, Mapping) or output.get("status") != "needs_confirmation":
        return ""
    details: Json = output.get("read_back")
    text = details if isinstance(details, str) else _value(details)
    return confirming(text)


def confirming(text: str) -> str:
    """Details, and the question whether they are right."""
    return text if text.rstrip().endswith("?") else f"{closed(text)} Is that right?"


def tell(output: Json) -> str:
    """A tool's result; empty for outputs that are no result."""
    if isinstance(output, Mapping):
        if {"ok", "status", "ignored", "rejected", "missing", "error"} & output.keys():
            return ""
        if len(output) == 1:
            (name, value), *_ = output.items()
            return tell(value) if isinstance(value, list | dict) else _single(name, value)
    if output in (None, "", [], {}):
        return "I found nothing for that."
    if isinstance(output, list):
        return f"I found {_listed(output)}."
    return closed(_value(output))


def _single(name: str, value: Json) -> str:
    return closed(str(value) if name in ("result", *_HEADS) else f"{_plain(name)}: {_value(value)}")


def _listed(values: list[Json]) -> str:
    shown = [_value(each) for each in values[:_MOST]]
    if len(values) > _MOST:
        shown.append(f"{len(values) - _MOST} more")
    return join(shown)


def _value(value: Json) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return join([_value(each) for each in value]) or "none"
    if isinstance(value, Mapping):
        return _entry(value)
    return "nothing" if value is None else str(value)


def _entry(entry: Mapping[str, Json]) -> str:
    """`Onion soup (price 9, vegetarian)` or `price 9, vegetarian`."""
    head = next((str(entry[key]) for key in _HEADS if isinstance(entry.get(key), str)), "")
    details = [_detail(key, value) for key, value in entry.items() if str(value) != head]
    details = [detail for detail in details if detail]
    return f"{head} ({', '.join(details)})" if head and details else head or ", ".join(details)


def _detail(name: str, value: Json) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return _plain(name) if value else f"not {_plain(name)}"
    return f"{_plain(name)} {_value(value)}"


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _why(why: Json) -> str:
    """`must be in the future`, or any other words of whoever rejected it."""
    text = str(why).strip().rstrip(".")
    plain = re.match(r"(?:must|is|has|can|should|was)\b", text)
    return f"{text}." if plain else f"is no good: {text}."
