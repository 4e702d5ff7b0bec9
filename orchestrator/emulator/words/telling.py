"""Outputs of tools as sentences that can be heard."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from orchestrator.dispatch.call import Json
from orchestrator.emulator.words.shapes import is_array, is_object
from orchestrator.emulator.words.text import join, words

__all__ = [
    "closed",
    "done",
    "is_bare",
    "problem",
    "read_back",
    "steps_of",
    "tell",
    "waits_for",
]

_STATUSES = ("pending", "started", "needs_confirmation", "undone")  # of calls, not of results
_ISO_DAY = re.compile(r"\b\d{4}-\d\d-\d\d\b")
_MOST = 4
_TOLD = ("error", "refused", "failed", "tool_error")  # messages meant for the caller
_INTERNAL = re.compile(r"\b(?:error|exception|executing|traceback)\b", re.IGNORECASE)
NOTHING = "I found nothing for that."
_HEADS = ("name", "title", "label", "text")
_STEP = 3  # words at least


def closed(sentence: str, mark: str = ".") -> str:
    """The sentence with a capital letter and a closing mark."""
    sentence = _marked(sentence, mark)
    return sentence[:1].upper() + sentence[1:]


def _marked(sentence: str, mark: str = ".") -> str:
    sentence = sentence.strip()
    return sentence if not sentence or sentence[-1] in ".?!" else sentence + mark


def problem(output: Json) -> str:
    """What went wrong with a call, or empty."""
    if not is_object(output):
        return ""
    rejected: Json = output.get("rejected")
    if rejected:
        return " ".join(f"Sorry, the {_plain(name)} {_why(why)}" for name, why in rejected.items())
    if not output.get("error"):
        return ""
    message = str(output.get("message") or "")
    if output["error"] == "denied" and message:
        return f"Sorry, nothing came of that: {_marked(message)}"
    told = (
        output["error"] in _TOLD and message.endswith((".", "?")) and not _INTERNAL.search(message)
    )
    return f"Sorry. {message}" if told else "Sorry, that did not work just now."


def waits_for(output: Json) -> str:
    """Why a call is not made yet (`A person has to approve it first.`), or empty."""
    pending = is_object(output) and output.get("status") == "pending"
    return closed(str(output.get("message") or "")) if pending else ""


def is_bare(output: Json) -> bool:
    """Whether the result says no more than that it is done."""
    return output is None or output is True or output in ({}, {"ok": True})


def done(name: str) -> str:
    """That the tool of this name has done its work, where there is nothing else to tell."""
    return closed(f"{_plain(name.rpartition('__')[2])}: done")


def read_back(output: Json) -> str:
    """The details that need the caller's yes, or empty."""
    if not is_object(output) or output.get("status") != "needs_confirmation":
        return ""
    details: Json = output.get("read_back")
    text = details if isinstance(details, str) else _value(details)
    return confirming(text)


def confirming(text: str) -> str:
    """Details, and the question whether they are right."""
    text = _ISO_DAY.sub(_spoken_day, text)
    return text if text.rstrip().endswith("?") else f"{closed(text)} Is that right?"


def _spoken_day(match: re.Match[str]) -> str:
    try:
        day = date.fromisoformat(match[0])
    except ValueError:
        return match[0]
    return f"{day:%A} {day.day} {day:%B}"


def tell(output: Json, given: Iterable[str] = ()) -> str:
    """A tool's result; empty for outputs that are no result. `given` are argument names."""
    if is_object(output):
        said_by_engine = {"ok", "ignored", "rejected", "missing", "error"} & output.keys()
        if said_by_engine or output.get("status") in _STATUSES:
            return ""
        if len(output) == 1:
            return _single(*next(iter(output.items())))
        if steps_of(output):
            return closed(_head(output, _HEADS))
        return closed(_entry(output, [*_HEADS, *given]))
    return _found(output) if is_array(output) else _single("result", output)


def steps_of(output: Json) -> Sequence[str]:
    """The steps in a result: a list of sentences under any name. They are told one at a time."""
    lists = output.values() if is_object(output) else ()
    return next(
        (each for each in lists if is_array(each) and each and all(map(_is_step, each))), ()
    )


def _is_step(value: Json) -> bool:
    return isinstance(value, str) and len(words(value)) >= _STEP


def _single(name: str, value: Json) -> str:
    if value in (None, "", [], {}):
        return NOTHING
    if is_array(value):
        return _found(value)
    if is_object(value):
        return tell(value)
    return closed(str(value) if name in ("result", *_HEADS) else f"{_plain(name)}: {_value(value)}")


def _found(values: Sequence[Json]) -> str:
    """One entry in full, several by their names."""
    if len(values) == 1:
        return closed(f"I found {_value(values[0])}")
    shown = [_head(each, _HEADS) or _value(each) for each in values[:_MOST]]
    if len(values) > _MOST:
        shown.append(f"{len(values) - _MOST} more")
    return f"I found {join(shown)}." if values else NOTHING


def _value(value: Json) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if is_array(value):
        return join([_value(each) for each in value]) or "none"
    if is_object(value):
        named = _head(value, _HEADS)
        return _entry({k: v for k, v in value.items() if k != "id" or not named}, _HEADS)
    return "nothing" if value is None else str(value)


def _head(entry: Json, heads: Iterable[str]) -> str:
    """What an entry is called."""
    if not is_object(entry):
        return ""
    return next((str(entry[key]) for key in heads if isinstance(entry.get(key), str)), "")


def _entry(entry: Mapping[str, Json], heads: Iterable[str]) -> str:
    """`Onion soup: price 9, vegetarian`, or only `price 9, vegetarian`."""
    head = _head(entry, heads)
    details = [_detail(key, value) for key, value in entry.items() if str(value) != head]
    told = ", ".join(filter(None, details))
    return f"{head}: {told}" if head and told else head or told


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
