"""Events of a session without what is personal in them, so that they still replay. Pure.

A mask would be refused by the variable that it is given to, and the replay would go another
way. So each personal value has a *stand-in* (`placeholders`) that its variable takes, the same
wherever it occurs in a session. What the variable refused is replaced by what it refuses, too.

Found are: what the model gives to a variable marked `pii`, what such a variable holds after
the event, the caller's number, and in anybody's words what looks like such a value. Not
found are words that a caller says before any variable holds them and that look like nothing
(a name), and numbers spelled out.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import cast

from orchestrator.dispatch.call import Json, Outcome
from orchestrator.flow.definition import Digit, Flow, Rejected, Scope, Variable
from orchestrator.flow.engine import step
from orchestrator.flow.events import (
    AgentSaid,
    AgentSaying,
    Answered,
    CallerTyped,
    CallProgressed,
    CallSettled,
    DigitPressed,
    Event,
    NativeAsked,
    NativeSettled,
    SessionStarted,
    Signalled,
    ToolAsked,
    TranscriptFinal,
)
from orchestrator.flow.macrostep import Macrostep
from orchestrator.flow.snapshot import Snapshot
from orchestrator.placeholders import placeholders
from orchestrator.projection import (
    KEPT,
    MASK,
    known_values,
    looks,
    personal_variables,
    texts,
)

__all__ = ["Disguise", "hide"]


REFUSED = object()
"""What a variable makes of a value that it does not take."""


KEYS = "0123456789*#"
"""Those of a telephone."""


def _any_number(value: Json, scope: Scope) -> Json:
    return str(value).strip()


CALLER = Variable("call.caller", "", {"format": "phone"}, _any_number, pii=True)
"""The caller's number where no personal variable holds numbers."""


def hide(flow: Flow, happened: Iterable[Event]) -> Iterator[Event]:
    """A whole session without personal values."""
    disguise, snapshot = Disguise(flow), Snapshot()
    for event in happened:
        snapshot, _ = step(flow, snapshot, event)
        yield disguise.hide(event, snapshot)


class Disguise:
    """The stand-ins of one session. Its events must come in order."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._personal = personal_variables(flow)
        self._looks = {look: v for v in self._personal.values() for look in looks(v.schema)}
        self._known: dict[str, Json] = {}  # a value as its variable holds it -> its stand-in
        self._pieces: dict[str, str] = {}  # the texts in them, in lower case
        self._scope: Scope = {}
        self._digits = set(_digits(flow))
        self._any_digit = next((key for key in KEYS if key not in self._digits), "")

    def hide(self, event: Event, snapshot: Snapshot) -> Event:
        """The event without personal values; `snapshot` is the one after it."""
        self._scope = Macrostep(self._flow, snapshot, event).scope()
        for name, variable in self._personal.items():
            for values in known_values(snapshot):
                self._stand_in(variable, values.get(name))
        match event:
            case SessionStarted():
                return self._started(event)
            case (
                CallerTyped(text=text)
                | TranscriptFinal(text=text)
                | AgentSaid(text=text)
                | AgentSaying(text=text)
                | Answered(text=text)
            ):
                return replace(event, text=self._words(text))
            case ToolAsked(arguments=arguments) | NativeAsked(arguments=arguments):
                return replace(event, arguments=self._arguments(arguments))
            case NativeSettled(arguments=arguments, outcome=outcome):
                hidden = self._outcome(outcome)
                return replace(event, arguments=self._arguments(arguments), outcome=hidden)
            case CallProgressed(text=text, data=data):
                return replace(event, text=self._words(text), data=self._value(data))
            case CallSettled(outcome=outcome):
                return replace(event, outcome=self._outcome(outcome))
            case Signalled(data=data):
                return replace(event, data=self._value(data))
            case DigitPressed(digit=digit):
                return replace(event, digit=digit if digit in self._digits else self._any_digit)
            case _:
                return event

    def _outcome(self, outcome: Outcome) -> Outcome:
        error = outcome.error
        error = error and replace(error, message=self._words(error.message))
        return replace(outcome, result=self._value(outcome.result), error=error)

    def _started(self, event: SessionStarted) -> SessionStarted:
        phones = (v for v in self._personal.values() if v.schema.get("format") == "phone")
        phone = next(phones, CALLER)
        outbound = event.direction == "outbound"
        return replace(
            event,
            values=self._value(event.values),
            remembered=self._value(event.remembered),
            headers=self._value(event.headers),
            caller=self._stand_in(phone, event.caller),
            to=self._stand_in(phone, event.to) if outbound else event.to,
        )

    def _arguments(self, text: str) -> str:
        try:
            given: Json = json.loads(text)
        except (ValueError, RecursionError):
            return self._words(text)
        hidden = self._value(given)
        return text if hidden == given else json.dumps(hidden, ensure_ascii=False)

    def _value(self, value: Json) -> Json:
        if isinstance(value, Mapping):
            items = cast("Mapping[str, Json]", value).items()
            return {key: self._field(key, part) for key, part in items}
        if isinstance(value, list | tuple):
            return [self._value(part) for part in cast("Sequence[Json]", value)]
        if isinstance(value, bool) or value is None:
            return value
        for variable in self._personal.values():
            if (key := _key(self._accept(variable, value))) in self._known:
                return self._known[key]
        return self._words(value) if isinstance(value, str) else value

    def _field(self, name: str, value: Json) -> Json:
        variable = self._personal.get(name)
        return self._stand_in(variable, value) if variable else self._value(value)

    def _words(self, text: str) -> str:
        longest_first = sorted(self._pieces, key=lambda piece: (-len(piece), piece))
        held = [rf"(?<!\w){re.escape(piece)}(?!\d)" for piece in longest_first]
        if not held and not self._looks:
            return text
        pattern = "|".join([*held, KEPT, *self._looks])
        return re.sub(pattern, self._piece, text, flags=re.IGNORECASE)

    def _piece(self, found: re.Match[str]) -> str:
        text = found[0]
        if text.lower() in self._pieces:
            return self._pieces[text.lower()]
        if found["kept"]:
            return text
        for look, variable in self._looks.items():
            if re.fullmatch(look, text, re.IGNORECASE):
                return str(self._stand_in(variable, text))
        return MASK

    def _stand_in(self, variable: Variable, value: Json) -> Json:
        """What stands for this value from now on. An author's default is not personal."""
        if value is None or value == variable.default:
            return value
        held = self._accept(variable, value)
        if held is REFUSED:
            return self._first(variable, value, (MASK, ""), taken=False)
        key = _key(held)
        if key not in self._known:
            tries = placeholders(variable.schema, held, len(self._known))
            self._known[key] = self._first(variable, held, tries, taken=True)
            pairs = zip(texts(held), texts(self._known[key]), strict=False)
            self._pieces |= {piece.lower(): other for piece, other in pairs}
        return self._known[key]

    def _first(
        self, variable: Variable, value: Json, tries: Iterable[Json], *, taken: bool
    ) -> Json:
        """The first that the variable takes, or does not take; a mask if there is none."""
        used = {_key(value), *map(_key, self._known.values())}
        for candidate in tries:
            held = self._accept(variable, candidate)
            if (held is not REFUSED) is taken and (not taken or _key(held) not in used):
                return held if taken else candidate
        return MASK

    def _accept(self, variable: Variable, value: Json) -> Json:
        try:
            return variable.accept(value, self._scope)
        except Rejected:
            return REFUSED


def _digits(flow: Flow) -> Iterator[str]:
    """The keys that something in the flow waits for: they are choices, and decide the way."""
    for each in flow.family:
        for trigger in each.triggers:
            if isinstance(trigger, Digit):
                yield trigger.digit


def _key(value: Json) -> str:
    return "" if value is REFUSED else json.dumps(value, sort_keys=True)
