"""Values that were heard, put into the parameters of a tool by their JSON Schemas.

What is asked for goes by kind (date, number, name, …). Where several parameters are of one
kind, the words around a value are compared with their descriptions; what that leaves open
goes in the order of asking.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestrator.dispatch.call import Json
from orchestrator.emulator.words.choices import answer, pick, pick_offered
from orchestrator.emulator.words.finding import find
from orchestrator.emulator.words.layout import Parameter
from orchestrator.emulator.words.phones import find_code
from orchestrator.emulator.words.shapes import is_array, is_object
from orchestrator.emulator.words.similarity import concepts, is_question
from orchestrator.emulator.words.text import Found, sentences, table, words
from orchestrator.emulator.words.times import daypart, settle

__all__ = ["Heard", "asked_for", "fill", "kind_of"]

_FORMATS = {
    "date": "date",
    "time": "time",
    "date-time": "moment",
    "phone": "phone",
    "email": "email",
}
_TYPES = {"integer": "number", "number": "number", "boolean": "flag", "array": "list"}
_NAMES = frozenset(table("name surname firstname lastname fullname who guest"))
_OFFER = re.compile(r"\b(?:or|offer|how about|what about|we have|instead)\b", re.IGNORECASE)
_AROUND = 24  # characters


@dataclass(frozen=True, slots=True)
class Heard:
    """Words of the caller, and what was said to them before."""

    text: str
    after: str = ""


def kind_of(parameter: Parameter) -> str:
    """number, date, time, moment, phone, email, choice, flag, list, code, name or text."""
    schema = _plain(parameter.schema)
    if "enum" in schema:
        return "choice"
    if kind := _FORMATS.get(str(schema.get("format"))) or _TYPES.get(str(schema.get("type"))):
        return kind
    if "pattern" in schema:
        return "code"
    spoken = [*parameter.name.lower().split("_"), *words(parameter.description)]
    for kind in ("phone", "email"):
        if kind in spoken:
            return kind
    return "name" if _NAMES.intersection(spoken) else "text"


def asked_for(parameters: Sequence[Parameter], after: str, needed: Sequence[str]) -> list[str]:
    """The parameters that the words before asked for; else, after a question, the first needed."""
    spoken = concepts(after)
    names = [each.name for each in parameters if _mentions(after, spoken, each)]
    if names:
        return names
    mine = [name for name in needed if any(each.name == name for each in parameters)]
    return mine[:1] if "?" in after else []


def fill(
    parameters: Sequence[Parameter],
    heard: Heard,
    now: datetime | None,
    needed: Sequence[str] = (),
) -> dict[str, Json]:
    """The parameters that the words have a value for, in the form that the schema wants."""
    asked = asked_for(parameters, heard.after, needed)
    return _Filling(parameters, heard, now, asked, needed).values()


class _Filling:
    """One text and one tool's parameters."""

    def __init__(
        self,
        parameters: Sequence[Parameter],
        heard: Heard,
        now: datetime | None,
        asked: Collection[str],
        needed: Sequence[str],
    ) -> None:
        order = [*asked, *needed]
        self._parameters = sorted(
            parameters,
            key=lambda each: order.index(each.name) if each.name in order else len(order),
        )
        self._kinds = {each.name: kind_of(each) for each in parameters}
        self._asked = {self._kinds[name] for name in asked}
        self._asked_names = asked
        self._heard, self._text, self._now = heard, heard.text, now
        today = now.date() if now else None
        self._found = find(self._text, today, name_asked="name" in self._asked)
        self._offered = [str(item.value) for item in find(heard.after, today) if item.sure]

    def values(self) -> dict[str, Json]:
        values = self._spelled() | self._choices() | self._named_flags()
        for kind in ("date", "time", "number", "name", "phone", "email"):
            values |= self._assign(kind, self._of(kind))
        values |= self._moments()
        return values or self._answers()

    def _wanting(self, kind: str) -> list[Parameter]:
        return [each for each in self._parameters if self._kinds[each.name] == kind]

    def _of(self, kind: str) -> list[tuple[Json, Found]]:
        """The values of a kind, with bare numbers taken for what was asked for."""
        bare = self._bare_kind()
        found = list[tuple[Json, Found]]()
        for item in self._found:
            counts = item.kind == "number" and self._is_bare(item, bare)
            if (bare if counts else item.kind) != kind:
                continue
            value = self._time(item, bare=counts) if kind == "time" else item.value
            if value is not None and not (kind == "number" and self._idle(item)):
                found.append((value, item))
        return found or self._chosen(kind)

    def _bare_kind(self) -> str:
        """What a number without more is: an hour where that is what was asked for."""
        hours = bool(self._wanting("time") or self._wanting("moment"))
        if not hours or ("number" in self._asked):
            return "number"
        if {"time", "moment"} & self._asked or not self._wanting("number"):
            return "time"
        return "number"

    def _is_bare(self, item: Found, bare: str) -> bool:
        """Whether a number may stand for an hour: no unit after it, nothing like `party of`."""
        if bare != "time" or not 0 <= item.value <= 24:
            return False
        alone = self._text[item.start : item.end].split()
        return len(alone) == 1 and (not item.sure or not self._wanting("number"))

    def _idle(self, item: Found) -> bool:
        """A number that counts nothing here: the pronoun `one`, or out of range and by the way."""
        if item.sure or "number" in self._asked:
            return False
        if self._text[item.start : item.end].lower() == "one":
            return True
        return not any(_in_range(item.value, each) for each in self._wanting("number"))

    def _time(self, item: Found, *, bare: bool) -> Json:
        if item.sure and not bare:
            return item.value
        value = f"{item.value:02}:00" if bare else str(item.value)
        if not "01" <= value[:2] <= "11":
            return value
        evening = not self._wanting("moment")
        return settle(value, daypart(self._text), self._offered, evening=evening)

    def _chosen(self, kind: str) -> list[tuple[Json, Found]]:
        """`the later one`: one of the times or days that were just offered."""
        if (kind != "time" and kind != "date") or not self._wanting(kind):
            return []
        today = self._now.date() if self._now else None
        offers = [item for item in find(_offers(self._heard.after), today) if item.kind == kind]
        values = [str(self._time(item, bare=False)) for item in offers]
        value = pick_offered(self._text, list(dict.fromkeys(values)))
        return [] if value is None else [(value, offers[0])]

    def _assign(self, kind: str, found: Sequence[tuple[Json, Found]]) -> dict[str, Json]:
        wanting = self._wanting(kind)
        if not found or not wanting:
            return {}
        if len(wanting) == 1:
            fitting = [value for value, _ in found if _in_range(value, wanting[0])]
            return {wanting[0].name: (fitting or [value for value, _ in found])[-1]}
        values, rest = dict[str, Json](), list[Json]()
        for value, item in found:
            best = self._nearest(item, wanting)
            if best:
                values[best.name] = value
            else:
                rest.append(value)
        left = [each.name for each in wanting if each.name not in values]
        return values | dict(zip(left, rest, strict=False))

    def _nearest(self, item: Found, wanting: Sequence[Parameter]) -> Parameter | None:
        """The one parameter whose words stand closest around the value."""
        near = self._text[max(0, item.start - _AROUND) : item.end + _AROUND]
        shared = [
            (len(concepts(near) & concepts(f"{each.name} {each.description}")), each)
            for each in wanting
        ]
        best = max(count for count, _ in shared)
        named = [each for count, each in shared if count == best]
        return named[0] if best and len(named) == 1 else None

    def _moments(self) -> dict[str, Json]:
        wanting = self._wanting("moment")
        if not wanting or self._now is None:
            return {}
        days, times = self._of("date"), self._of("time")
        if not days or not times:
            return {}
        day, time = days[-1][0], times[-1][0]
        zone = self._now.isoformat()[len("2026-11-23T10:00:00") :]
        return {wanting[0].name: f"{day}T{time}:00{zone}"}

    def _spelled(self) -> dict[str, Json]:
        codes = {
            each.name: find_code(self._text, str(_plain(each.schema)["pattern"]))
            for each in self._wanting("code")
        }
        return {name: code for name, code in codes.items() if code is not None}

    def _choices(self) -> dict[str, Json]:
        said = concepts(self._text)
        values = dict[str, Json]()
        for each in self._wanting("choice"):
            options: list[Json] = _plain(each.schema)["enum"]
            near = [concepts(str(option)) for option in options]
            asked = each.name in self._asked_names
            choice = pick(self._text, options, near, said, asked=asked)
            if choice is not None:
                values[each.name] = choice
        return values

    def _named_flags(self) -> dict[str, Json]:
        """A yes-or-no parameter whose own name was said: `anything vegetarian`."""
        said = concepts(self._text)
        names = [each.name for each in self._wanting("flag")]
        return {name: True for name in names if (about := concepts(name)) and about <= said}

    def _answers(self) -> dict[str, Json]:
        """Yes or no, or any words at all, where just that was asked for."""
        for each in self._parameters:
            if each.name not in self._asked_names:
                continue
            kind, reply = self._kinds[each.name], answer(self._text)
            if kind == "flag" and reply:
                return {each.name: reply == "yes"}
            if kind == "text" and not reply and not is_question(sentences(self._text)[0]):
                return {each.name: self._text.rstrip(".")}
            if kind == "choice" and not reply and len(words(self._text)) > 2:
                return {each.name: "other"} if "other" in _plain(each.schema)["enum"] else {}
            if kind == "list" and not reply:
                return {each.name: [part.strip() for part in self._text.rstrip(".").split(",")]}
        return {}


def _offers(after: str) -> str:
    """The sentences that offer something."""
    return " ".join(each for each in sentences(after) if _OFFER.search(each))


def _plain(schema: Mapping[str, Json]) -> Mapping[str, Json]:
    """The schema without its `or null`."""
    for key in ("anyOf", "oneOf"):
        options = schema.get(key)
        for option in options if is_array(options) else ():
            if is_object(option) and option.get("type") != "null":
                return {**schema, **option}
    types = schema.get("type")
    if is_array(types):
        return {**schema, "type": next((each for each in types if each != "null"), "string")}
    return schema


def _in_range(value: Json, parameter: Parameter) -> bool:
    schema = _plain(parameter.schema)
    if not isinstance(value, int):
        return True
    return bool(schema.get("minimum", value) <= value <= schema.get("maximum", value))


def _mentions(after: str, spoken: frozenset[str], parameter: Parameter) -> bool:
    """Whether the words ask for this parameter: its description, or most of what it is about."""
    if parameter.description.lower() in after.lower():
        return True
    about = concepts(parameter.description.split(",")[0])
    return "?" in after and bool(about) and 2 * len(about & spoken) > len(about)
